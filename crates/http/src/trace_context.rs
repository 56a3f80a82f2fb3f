use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id of the trace that a request belongs to, by W3C Trace Context; of a header that is not valid
/// nothing is believed.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(TRACEPARENT);
    let only = all.next().filter(|_| all.next().is_none())?;
    parse(only)
}

fn parse(header: &HeaderValue) -> Option<&str> {
    let mut parts = header.to_str().ok()?.splitn(5, '-');
    let version = parts.next().filter(|it| is_hex(it, 2) && *it != "ff")?;
    let trace = parts.next().filter(|it| is_id(it, 32))?;
    parts.next().filter(|it| is_id(it, 16))?;
    parts.next().filter(|it| is_hex(it, 2))?;
    // Later versions may say more behind it.
    (version != "00" || parts.next().is_none()).then_some(trace)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_id_of_a_valid_header_is_taken() {
        for header in [
            format!("00-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7-00"),
            format!("cc-{ID}-00f067aa0ba902b7-01-what-comes-later"),
        ] {
            let header = HeaderValue::try_from(header).expect("a header");
            assert_eq!(parse(&header), Some(ID), "{header:?}");
        }
    }

    #[test]
    fn nothing_is_taken_from_a_header_that_is_not_valid() {
        for header in [
            String::new(),
            ID.to_owned(),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7"),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{ID}0-00f067aa0ba902b7-01"),
            format!("0-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7-0x"),
        ] {
            let header = HeaderValue::try_from(header).expect("a header");
            assert_eq!(parse(&header), None, "{header:?}");
        }
        let mut twice = HeaderMap::new();
        let header = HeaderValue::try_from(format!("00-{ID}-00f067aa0ba902b7-01"));
        let header = header.expect("a header");
        twice.append(TRACEPARENT, header.clone());
        assert_eq!(trace_id(&twice), Some(ID));
        twice.append(TRACEPARENT, header);
        assert_eq!(trace_id(&twice), None);
    }
}
