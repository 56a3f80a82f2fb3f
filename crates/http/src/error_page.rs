use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header::{
    self, Accept, AcceptLanguage, ContentType, Header as _, HeaderValue, Quality,
    TryIntoHeaderValue as _,
};
use actix_web::mime::{self, Mime};
use latchkey_dashboard::{CONTENT_SECURITY_POLICY, ErrorPage, Language, Page as _, Product};

/// Whether a person asks with a browser: HTML is liked better than JSON.
pub(crate) fn prefers_html(req: &impl HttpMessage) -> bool {
    Accept::parse(req).is_ok_and(|accept| {
        quality(&accept, &mime::TEXT_HTML) > quality(&accept, &mime::APPLICATION_JSON)
    })
}

/// The language that the reader likes best of those that the pages speak (RFC 9110, section 12.5.4).
pub(crate) fn language(req: &impl HttpMessage) -> Language {
    let Ok(AcceptLanguage(mut said)) = AcceptLanguage::parse(req) else {
        return Language::default();
    };
    said.retain(|it| it.quality > Quality::ZERO);
    let ranked = AcceptLanguage(said).ranked();
    ranked.iter().find_map(|it| Language::of(it.item()?.as_str())).unwrap_or_default()
}

/// How much a type is liked: what is said of it more closely counts (RFC 9110, section 12.5.1).
fn quality(accept: &Accept, wanted: &Mime) -> Quality {
    let closeness = |said: &Mime| {
        if said.type_() != wanted.type_() {
            return (said.type_() == mime::STAR && said.subtype() == mime::STAR).then_some(0);
        }
        let exact = (said.subtype() == wanted.subtype()).then_some(2);
        exact.or_else(|| (said.subtype() == mime::STAR).then_some(1))
    };
    let said = accept.iter().filter_map(|it| Some((closeness(&it.item)?, it.quality)));
    said.max().map_or(Quality::ZERO, |(_closeness, quality)| quality)
}

/// The same error with a page for a body, where people meet errors of that status.
pub(crate) fn for_people<B>(
    response: HttpResponse<B>,
    product: &Product,
    language: Language,
    request_id: &HeaderValue,
) -> Result<HttpResponse<BoxBody>, HttpResponse<B>> {
    let request_id = request_id.to_str().unwrap_or_default();
    let Some(page) = ErrorPage::of(product, language, response.status().as_u16(), request_id)
    else {
        return Err(response);
    };
    let mut response = response.set_body(BoxBody::new(page.html()));
    let headers = response.headers_mut();
    if let Ok(html) = ContentType::html().try_into_value() {
        headers.insert(header::CONTENT_TYPE, html);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_a_person(accept: &[&str]) -> bool {
        let mut request = TestRequest::get();
        for line in accept {
            request = request.append_header((header::ACCEPT, *line));
        }
        prefers_html(&request.to_http_request())
    }

    #[test]
    fn a_reader_gets_the_language_that_is_liked_best_of_those_there_are() {
        for (header, spoken) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", Language::English),
            ("fr, de;q=0.2, en;q=0.1", Language::German),
            ("de;q=0, fr", Language::English),
            ("fr", Language::English),
            ("*", Language::English),
            ("", Language::English),
            ("nonsense!!", Language::English),
        ] {
            let request = TestRequest::get().insert_header((header::ACCEPT_LANGUAGE, header));
            assert_eq!(language(&request.to_http_request()), spoken, "{header}");
        }
    }

    #[test]
    fn browsers_prefer_html_and_programs_do_not() {
        for browser in [
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"][..],
            &["text/html"],
            &["text/*;q=0.5, application/json;q=0.4"],
            &["application/json;q=0.1", "text/html;q=0.2"],
        ] {
            assert!(is_a_person(browser), "{browser:?}");
        }
        for program in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/json, text/html"],
            &["text/html;q=0, */*"],
            &["text/css,*/*;q=0.1"],
            &["nonsense"],
        ] {
            assert!(!is_a_person(program), "{program:?}");
        }
    }
}
