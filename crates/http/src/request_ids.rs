use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::HeaderValue;
use latchkey_domain::ports::{Entropy, EntropyError};

/// Ids for requests that bring none: a random number of this process, and a count.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    last: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut process = [0; 8];
        entropy.fill(&mut process)?;
        Ok(Self { process: u64::from_le_bytes(process), last: AtomicU64::new(0) })
    }

    pub(crate) fn next(&self) -> HeaderValue {
        let count = self.last.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; 33];
        let mut rest = text.as_mut_slice();
        write!(rest, "{:016x}-{count:x}", self.process).expect("there is room for both numbers");
        let length = 33 - rest.len();
        let text = text.get(..length).expect("no longer than the whole");
        HeaderValue::from_bytes(text).expect("hexadecimal digits and a hyphen")
    }
}
