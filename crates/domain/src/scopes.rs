use thiserror::Error;

/// What a key may be used for: one or more segments of `a` to `z`, `0` to `9`, `_`, `.` and `-`, joined by
/// colons, as in `docs:read`. At most 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope<'t>(&'t str);

/// A text is no [`Scope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a scope has 1 to 64 characters: segments of a-z, 0-9, \"_\", \".\" and \"-\", joined by \":\""
)]
pub struct MalformedScope;

impl<'t> Scope<'t> {
    /// The most bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a text as it is.
    pub fn parse(text: &'t str) -> Result<Self, MalformedScope> {
        let is_segment = |segment: &[u8]| {
            let is_good = |byte: &u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(byte)
            };
            !segment.is_empty() && segment.iter().all(is_good)
        };
        let is_scope = text.len() <= Self::MAX_BYTES
            && text.as_bytes().split(|byte| *byte == b':').all(is_segment);
        if is_scope { Ok(Self(text)) } else { Err(MalformedScope) }
    }

    /// The text.
    pub const fn as_str(self) -> &'t str {
        self.0
    }
}

/// What a verification asks of a key: one scope, or several of which one is enough, joined by `|`, as in
/// `docs:read|admin`. None of them has a `*`: who asks knows what for. At most 64 scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement<T>(T);

/// A text is no [`Requirement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a requirement is 1 to 64 scopes joined by \"|\", without \"*\"")]
pub struct MalformedRequirement;

impl<T: AsRef<str>> Requirement<T> {
    /// The most scopes of which one is enough.
    pub const MAX_ALTERNATIVES: usize = 64;

    /// Takes a text as it is.
    pub fn parse(text: T) -> Result<Self, MalformedRequirement> {
        let mut count = 0_usize;
        for alternative in text.as_ref().split('|') {
            count += 1;
            if Scope::parse(alternative).is_err() || count > Self::MAX_ALTERNATIVES {
                return Err(MalformedRequirement);
            }
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// The scopes of which one is enough.
    pub fn alternatives(&self) -> impl Iterator<Item = Scope<'_>> {
        self.as_str().split('|').map(Scope)
    }
}

/// What a key may be used for.
///
/// It is not restricted, which is the default, or has a list of at most 64 grants, in the order in which they were
/// given. A grant is a [`Scope`], or a scope and `:*`, which covers all below that scope (`docs:*` covers `docs:read`
/// and `docs:a:b`, not `docs`), or `*`, which covers all. What one of the grants covers is granted; an empty list grants
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Grants {
    /// The grants with a blank between each two; none has a blank in it. `None`: not restricted.
    joined: Option<Box<str>>,
}

/// Why texts are no [`Grants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantsError {
    /// One of them is no grant.
    #[error(
        "scope {number} is none: a scope has 1 to 64 characters, segments of a-z, 0-9, \"_\", \".\" and \
         \"-\" joined by \":\"; it may end in \":*\", or be \"*\""
    )]
    Malformed {
        /// Which one, from 1.
        number: usize,
    },
    /// There are more than [`Grants::MAX`], not counting those that repeat.
    #[error("a key has at most 64 scopes")]
    TooMany,
}

impl Grants {
    /// Those of a key that is not restricted.
    pub const UNRESTRICTED: Self = Self { joined: None };
    /// The most grants of a key.
    pub const MAX: usize = 64;

    /// Those in a list. What repeats is dropped.
    #[expect(single_use_lifetimes, reason = "an argument that is an `impl` needs the name")]
    pub fn parse<'t>(grants: impl IntoIterator<Item = &'t str>) -> Result<Self, GrantsError> {
        let mut kept: Vec<&str> = Vec::new();
        for (place, grant) in grants.into_iter().enumerate() {
            if !is_grant(grant) {
                return Err(GrantsError::Malformed { number: place + 1 });
            }
            if kept.contains(&grant) {
                continue;
            }
            if kept.len() == Self::MAX {
                return Err(GrantsError::TooMany);
            }
            kept.push(grant);
        }
        Ok(Self { joined: Some(kept.join(" ").into()) })
    }

    /// Those that a store kept: what [`joined`](Self::joined) gave.
    pub fn restore(joined: Option<&str>) -> Result<Self, GrantsError> {
        match joined {
            None => Ok(Self::default()),
            Some(joined) => Self::parse(joined.split(' ').filter(|grant| !grant.is_empty())),
        }
    }

    /// One text, with a blank between each two grants; `None` where the key is not restricted.
    pub fn joined(&self) -> Option<&str> {
        self.joined.as_deref()
    }

    /// The grants in their order; `None` where the key is not restricted.
    pub fn list(&self) -> Option<impl Iterator<Item = &str>> {
        let joined = self.joined.as_deref()?;
        Some(joined.split(' ').filter(|grant| !grant.is_empty()))
    }

    /// Whether a requirement is met.
    pub fn meet<T: AsRef<str>>(&self, requirement: &Requirement<T>) -> bool {
        let is_granted = |scope: Scope<'_>| {
            self.list().is_none_or(|mut it| it.any(|grant| covers(grant, scope.0)))
        };
        requirement.alternatives().any(is_granted)
    }
}

/// Whether `grant` is this scope, or ends in `:*` and the scope begins with what stands before the `*`, or is `*`.
pub(crate) fn covers(grant: &str, scope: &str) -> bool {
    match grant.strip_suffix('*') {
        Some(beginning) => scope.starts_with(beginning),
        None => scope == grant,
    }
}

fn is_grant(text: &str) -> bool {
    let below = text.strip_suffix(":*");
    let is_short = text.len() <= Scope::MAX_BYTES;
    text == "*" || (is_short && Scope::parse(below.unwrap_or(text)).is_ok())
}

#[cfg(test)]
mod tests;
