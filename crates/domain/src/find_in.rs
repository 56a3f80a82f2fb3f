use crate::{Brand, Secret, secret};

impl Secret {
    /// Every key in a text, with the place where it begins: found by its form and its checksum,
    /// whatever stands next to it.
    pub fn find_in(text: &[u8]) -> impl Iterator<Item = (usize, Self)> {
        let underscores = text.iter().enumerate().filter(|(_, byte)| **byte == b'_');
        underscores.filter_map(|(brand_end, _)| {
            let end = brand_end + secret::TAIL_LEN;
            // Its checksum says where it begins: a word may run into it.
            (1..=Brand::MAX_LEN.min(brand_end)).find_map(|brand_len| {
                let begin = brand_end - brand_len;
                Some((begin, Self::parse(text.get(begin..end)?).ok()?))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

    fn found_in(text: &str) -> Vec<(usize, String)> {
        Secret::find_in(text.as_bytes()).map(|(at, key)| (at, key.expose().to_owned())).collect()
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        for (before, after) in
            [("", ""), ("key = \"", "\";"), ("KEY=", "\r"), ("mykey", "x"), ("_", "_"), ("é", "é")]
        {
            let text = format!("{before}{KEY}{after}");
            assert_eq!(found_in(&text), [(before.len(), KEY.to_owned())], "{text}");
        }
        let twice = format!("{KEY}{KEY}");
        assert_eq!(found_in(&twice), [(0, KEY.to_owned()), (KEY.len(), KEY.to_owned())]);
    }

    #[test]
    fn what_is_no_key_is_not_found() {
        let wrong = KEY.replace("28hqg7", "28hqg8");
        let cut = KEY.get(..45).expect("it is longer");
        for text in ["", "_", "_live_", "sk_live_", &wrong, cut, &KEY.replace("sk_", "_")] {
            assert_eq!(found_in(text), [], "{text}");
        }
    }
}
