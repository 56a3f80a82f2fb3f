//! The names that Kubernetes puts into every pod for each service of its namespace.

/// Whether Kubernetes makes a variable of this name for a service called `latchkey` or `latchkey-…`:
/// `…_SERVICE_HOST`, `…_SERVICE_PORT[_NAME]`, `…_PORT`, `…_PORT_<n>_<protocol>[_ADDR|_PORT|_PROTO]`.
///
/// Somebody who runs a `latchkey-postgresql` beside Latchkey did not misspell a setting.
pub(super) fn is_injected(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("LATCHKEY_") else { return false };
    // Both kinds of names begin with the service's, so either word may occur in that too.
    ends_in(rest, "SERVICE_HOST", str::is_empty)
        || ends_in(rest, "SERVICE_PORT", |more| more.is_empty() || more.starts_with('_'))
        || ends_in(rest, "PORT", |more| more.is_empty() || is_port(more))
}

/// Whether a whole word of `text` is followed by such an end.
fn ends_in(text: &str, word: &str, is_end: impl Fn(&str) -> bool) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + word.len()..));
        before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
            && after.is_some_and(&is_end)
    })
}

/// `_5432_TCP`, and with `_ADDR`, `_PORT` or `_PROTO` behind it.
fn is_port(text: &str) -> bool {
    let parts: Vec<&str> = text.split('_').collect();
    let (["", number, protocol] | ["", number, protocol, "ADDR" | "PORT" | "PROTO"]) = parts[..]
    else {
        return false;
    };
    number.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_makes_for_a_service_is_known() {
        for name in [
            "LATCHKEY_SERVICE_HOST",
            "LATCHKEY_SERVICE_PORT",
            "LATCHKEY_SERVICE_PORT_HTTP",
            "LATCHKEY_PORT",
            "LATCHKEY_PORT_8080_TCP",
            "LATCHKEY_PORT_8080_TCP_ADDR",
            "LATCHKEY_POSTGRESQL_SERVICE_HOST",
            "LATCHKEY_POSTGRESQL_HL_SERVICE_PORT_TCP_POSTGRESQL",
            "LATCHKEY_POSTGRESQL_PORT",
            "LATCHKEY_POSTGRESQL_PORT_5432_TCP_PROTO",
            "LATCHKEY_DNS_PORT_53_UDP_PORT",
            "LATCHKEY_PORT_FORWARDER_PORT_80_TCP",
        ] {
            assert!(is_injected(name), "{name}");
        }
    }

    #[test]
    fn what_resembles_one_of_those_is_not() {
        for name in [
            "LATCHKEY_LISTEN_PORTS",
            "LATCHKEY_PORTS",
            "LATCHKEY_SUPPORT",
            "LATCHKEY_SERVICE",
            "LATCHKEY_SERVICE_HOSTNAME",
            "LATCHKEY_PORT_TCP",
            "LATCHKEY_PORT_HTTP_TCP",
            "LATCHKEY_PORT_8080_TCP_HOST",
            "LATCHKEY_PORT_8080_TCP_ADDR_X",
            "LATCHKEY_PORT_99999_TCP",
            "OTHER_PORT",
        ] {
            assert!(!is_injected(name), "{name}");
        }
    }
}
