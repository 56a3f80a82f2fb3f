use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const UNIX: &str = "unix:";
/// What a system takes as the path of a socket, less the zero at its end.
const LONGEST_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Where a [`Listener`](crate::Listener) is reached: `127.0.0.1:8080`, or `unix:/run/latchkey/latchkey.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
    /// By the file of a Unix socket, an absolute path.
    Unix(PathBuf),
}

/// Why a text is no [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It is empty.
    Empty,
    /// It is neither an address and a port nor the address of a Unix socket.
    Neither,
    /// The path of a Unix socket does not begin at the root, or names no file.
    NoPath,
    /// A Unix socket without a file, which has no permissions.
    Abstract,
    /// No socket has a path so long.
    TooLong,
}

/// A [`Listener`](crate::Listener) can't listen at an address.
#[derive(Debug)]
pub struct BindError {
    pub(crate) address: Address,
    pub(crate) source: io::Error,
}

impl Address {
    /// Whether only this machine reaches it: a Unix socket, or an address of the loopback interface.
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some(path) = text.strip_prefix(UNIX) else {
            let wrong = if text.is_empty() { AddressError::Empty } else { AddressError::Neither };
            return text.parse().map(Self::Tcp).map_err(|_unparsable| wrong);
        };
        if path.starts_with(['@', '\0']) {
            return Err(AddressError::Abstract);
        }
        let is_file = Path::new(path).is_absolute() && !path.ends_with(['/', '.']);
        if !is_file {
            return Err(AddressError::NoPath);
        }
        if path.len() > LONGEST_PATH {
            return Err(AddressError::TooLong);
        }
        Ok(Self::Unix(path.into()))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an address between two commas, or before or after one, is empty",
            Self::Neither => {
                "must be an address and a port such as 127.0.0.1:8080, \
                 or a Unix socket such as unix:/run/latchkey/latchkey.sock"
            }
            Self::NoPath => {
                "after unix: must come the absolute path of the socket, \
                 such as unix:/run/latchkey/latchkey.sock"
            }
            Self::Abstract => {
                "an abstract socket has no permissions, so that every process of this machine reaches it; \
                 name a file, such as unix:/run/latchkey/latchkey.sock"
            }
            Self::TooLong => {
                return write!(f, "the path of a Unix socket has at most {LONGEST_PATH} bytes");
            }
        })
    }
}

impl std::error::Error for AddressError {}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.source)
    }
}

impl std::error::Error for BindError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_tcp_or_the_absolute_path_of_a_socket() {
        for text in ["127.0.0.1:8080", "[::1]:80", "unix:/run/latchkey/latchkey.sock", "unix:/a"] {
            assert_eq!(text.parse().map(|it: Address| it.to_string()), Ok(text.to_owned()));
        }
        let long = |length: usize| format!("unix:/{}", "a".repeat(length - 1));
        assert!(long(LONGEST_PATH).parse::<Address>().is_ok());
        for (text, why) in [
            ("", AddressError::Empty),
            ("here", AddressError::Neither),
            ("127.0.0.1", AddressError::Neither),
            ("/run/latchkey.sock", AddressError::Neither),
            ("unix", AddressError::Neither),
            ("unix:", AddressError::NoPath),
            ("unix:latchkey.sock", AddressError::NoPath),
            ("unix:./latchkey.sock", AddressError::NoPath),
            ("unix:/", AddressError::NoPath),
            ("unix:/run/", AddressError::NoPath),
            ("unix:/run/..", AddressError::NoPath),
            ("unix:@latchkey", AddressError::Abstract),
            (&long(LONGEST_PATH + 1), AddressError::TooLong),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text}");
        }
    }
}
