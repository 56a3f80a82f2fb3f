mod problem;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

pub(super) use self::problem::of_member;
use super::error::{ApiError, ErrorCode};
use super::progress::{Progress, ReadingBody};

/// The most bytes a request body may have.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// How long a client may take to send its body.
const DEADLINE: Duration = Duration::from_secs(10);
/// The same for a body that nobody reads: what was asked has to be answered yet.
const DRAIN_DEADLINE: Duration = Duration::from_secs(3);

/// A request body that is a JSON object.
///
/// The framework's own extractor takes an array for a struct, 2 MB, any charset, and waits without a limit.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub T);

/// The same for a call that may come without a body: no bytes at all are the default.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody<T>(pub T);

/// Runs two extractors, the second over the body, and answers the first one's refusal whichever is
/// ready first: that is the contract's order. The framework alone would answer whichever is ready.
#[derive(Debug)]
pub(crate) struct InOrder<A, B>(pub A, pub B);

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let body = read(&req, &mut payload).await?;
            require_json(req.headers())?;
            parse(&body).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalJsonBody<T> {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let body = read(&req, &mut payload).await?;
            if body.is_empty() {
                return Ok(Self(T::default()));
            }
            require_json(req.headers())?;
            parse(&body).map(Self)
        })
    }
}

impl<A, B> FromRequest for InOrder<A, B>
where
    A: FromRequest<Error = ApiError> + 'static,
    B: FromRequest<Error = ApiError> + 'static,
{
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let first = pin!(A::from_request(&req, &mut Payload::None));
            let second = pin!(B::from_request(&req, &mut payload));
            match select(first, second).await {
                Either::Left((first, second)) => Ok(Self(first?, second.await?)),
                Either::Right((second, first)) => Ok(Self(first.await?, second?)),
            }
        })
    }
}

/// Reads and drops a body that a call takes no interest in, whatever its size, so that the
/// connection stays usable. Where it doesn't end in time, the framework closes the connection.
pub(crate) async fn drain(req: &HttpRequest, payload: &mut Payload) {
    if has_body(req.headers()) {
        let _until_read = reading_body(req);
        let reading = async { while let Some(Ok(_chunk)) = payload.next().await {} };
        drop(timeout(DRAIN_DEADLINE, reading).await);
    }
}

/// Whether a body follows a request's head.
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING)
}

/// Lets more of the connection be read, until it is dropped.
fn reading_body(req: &HttpRequest) -> Option<ReadingBody> {
    req.conn_data::<Arc<Progress>>().map(Progress::reading_body)
}

async fn read(req: &HttpRequest, payload: &mut Payload) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let _until_read = reading_body(req);
    let declared = req.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let expected = match declared.map(usize::try_from) {
        Some(Ok(length)) if length <= MAX_BODY => length,
        Some(_) => return Err(too_large()),
        None => MAX_BODY,
    };
    // In one piece, so that no reallocation leaves a copy of a password behind.
    let mut body = Zeroizing::new(Vec::with_capacity(expected));
    let reading = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| incomplete(&error))?;
            if body.len() + chunk.len() > MAX_BODY {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match timeout(DEADLINE, reading).await {
        Ok(read) => read.map(|()| body),
        Err(_elapsed) => {
            let message = "The request body did not arrive within 10 seconds";
            Err(ApiError::new(ErrorCode::Timeout, message))
        }
    }
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge, "The request body is larger than 16 KiB")
}

fn incomplete(error: &PayloadError) -> ApiError {
    match error {
        PayloadError::Overflow => too_large(),
        _ => ApiError::bad_request("The request body is incomplete or badly framed"),
    }
}

/// Exactly one `Content-Type`, JSON, in UTF-8 if it says so, and not compressed.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let only = types.next().filter(|_| types.next().is_none());
    let encoded = headers.contains_key(header::CONTENT_ENCODING);
    if !encoded && only.and_then(|value| value.to_str().ok()).is_some_and(is_json) {
        return Ok(());
    }
    let message = "Send the body as Content-Type: application/json, in UTF-8 and not compressed";
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, message))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|it| it.eq_ignore_ascii_case("application/json"));
    let mut parameters = parts.filter(|it| !it.is_empty());
    essence
        && parameters.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    problem::parse(body).map_err(ApiError::bad_request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_by_its_type_and_charset() {
        for good in [
            "application/json",
            "APPLICATION/JSON ; charset=\"UTF-8\"",
            "application/json;charset=utf-8",
            "application/json;",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/vnd.x+json",
            "application/json; charset=utf-16",
            "application/json; charset",
            "application/json; boundary=x",
            "application/jsonx",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
