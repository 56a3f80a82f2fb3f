//! What the pages say of the product whose keys these are.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use latchkey_http::{Accent, Logo, Product};
use serde::de::IgnoredAny;
use url::Url;

use super::jwt::is_plain;
use super::values::Bad;
use super::{Problems, RawSettings};

const LONGEST_NAME: usize = 60;
const LONGEST_REQUEST: usize = 4096;
/// Of a file that is no logo no more is read.
const READ_AT_MOST: u64 = 1024 * 1024;
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
const WITH_BODY: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

impl RawSettings {
    pub(super) fn product(&self, problems: &mut Problems) -> Option<Product> {
        let p = problems;
        let standard = Product::default();
        let name = self.brand_name.as_deref().map(name).transpose();
        let name = p.keep("LATCHKEY_BRAND_NAME", name);
        let logo = self.brand_logo.as_deref().map(|path| logo(Path::new(path))).transpose();
        let logo = p.keep("LATCHKEY_BRAND_LOGO", logo);
        let accent = self.brand_color.as_deref().map(Accent::parse).transpose();
        let accent = p.keep("LATCHKEY_BRAND_COLOR", accent);
        let docs_url = self.brand_docs_url.as_deref().map(page).transpose();
        let docs_url = p.keep("LATCHKEY_BRAND_DOCS_URL", docs_url);
        let support_url = self.brand_support_url.as_deref().map(help).transpose();
        let support_url = p.keep("LATCHKEY_BRAND_SUPPORT_URL", support_url);
        let example_request = self.example_request.as_deref().map(request).transpose();
        let example_request = p.keep("LATCHKEY_EXAMPLE_REQUEST", example_request);
        Some(Product {
            name: name?.unwrap_or(standard.name),
            logo: logo?,
            accent: accent?,
            docs_url: docs_url?,
            support_url: support_url?,
            example_request: example_request?,
        })
    }
}

/// One `NAME=value` a line, for `check-config`.
pub(super) fn show(
    product: &Product,
    logo: Option<&Path>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let Product { name, logo: _, accent, docs_url, support_url, example_request } = product;
    let text = |given: Option<String>| given.unwrap_or_else(|| "none".to_owned());
    writeln!(f, "LATCHKEY_BRAND_NAME={name}")?;
    writeln!(f, "LATCHKEY_BRAND_LOGO={}", text(logo.map(|path| path.display().to_string())))?;
    writeln!(f, "LATCHKEY_BRAND_COLOR={}", text(accent.as_ref().map(ToString::to_string)))?;
    writeln!(f, "LATCHKEY_BRAND_DOCS_URL={}", text(docs_url.clone()))?;
    writeln!(f, "LATCHKEY_BRAND_SUPPORT_URL={}", text(support_url.clone()))?;
    writeln!(f, "LATCHKEY_EXAMPLE_REQUEST={}", text(example_request.clone()))
}

fn name(text: &str) -> Result<String, Bad> {
    let name = text.trim();
    let is_good =
        (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    is_good.then(|| name.to_owned()).ok_or(Bad("must be a name of 1 to 60 characters"))
}

fn logo(path: &Path) -> Result<Logo, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(READ_AT_MOST).read_to_end(&mut bytes));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Logo::read(bytes).map_err(|bad| format!("{}: {bad}", path.display()))
}

/// As addresses are written in ASCII.
fn page(text: &str) -> Result<String, Bad> {
    let url = Url::parse(text).ok().filter(is_plain);
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(Into::into).ok_or(Bad("must be an address such as https://docs.example.com"))
}

fn help(text: &str) -> Result<String, Bad> {
    let mail =
        Url::parse(text).ok().filter(|url| url.scheme() == "mailto" && url.path().contains('@'));
    let wrong =
        Bad("must be an address such as https://help.example.com or mailto:help@example.com");
    mail.map_or_else(|| page(text).map_err(|_no_page| wrong), |url| Ok(url.into()))
}

/// A method, an address, and perhaps a body of JSON: as the panel reads it.
fn request(text: &str) -> Result<String, Bad> {
    let wrong = Bad("must be a method, an address and perhaps a body of JSON, such as \
                     POST https://api.example.com/v1/items {\"name\":\"first\"}");
    let (method, rest) = text.trim().split_once(char::is_whitespace).ok_or(wrong)?;
    let (url, body) =
        rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim_start(), ""));
    let body = body.trim();
    if text.len() > LONGEST_REQUEST {
        return Err(Bad("must be at most 4096 bytes long"));
    }
    if !METHODS.contains(&method) || url.is_empty() {
        return Err(wrong);
    }
    let url = page(url).map_err(|_no_address| wrong)?;
    if body.is_empty() {
        return Ok(format!("{method} {url}"));
    }
    if !WITH_BODY.contains(&method) {
        return Err(Bad("has a body, which only POST, PUT, PATCH and DELETE may have"));
    }
    serde_json::from_str::<IgnoredAny>(body)
        .map_err(|_no_json| Bad("has a body that is not JSON"))?;
    Ok(format!("{method} {url} {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_the_panel_reads_it() {
        for (text, expected) in [
            ("GET https://api.example.com", "GET https://api.example.com/"),
            (
                " POST\thttps://api.example.com/v1  {\"a\": 1} ",
                "POST https://api.example.com/v1 {\"a\": 1}",
            ),
            ("DELETE https://bücher.example/ü", "DELETE https://xn--bcher-kva.example/%C3%BC"),
        ] {
            assert_eq!(request(text).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "GET",
            "https://api.example.com/",
            "get https://api.example.com/",
            "BREW https://api.example.com/",
            "GET /v1",
            "GET ftp://api.example.com/",
            "GET https://user:word@api.example.com/",
            "GET https://api.example.com/ {}",
            "POST https://api.example.com/ {a}",
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
        assert!(request(&format!("GET https://api.example.com/{}", "a".repeat(5000))).is_err());
    }

    #[test]
    fn help_is_a_page_or_an_address_of_mail() {
        assert_eq!(help("https://help.example.com").as_deref(), Ok("https://help.example.com/"));
        assert_eq!(help("mailto:help@example.com").as_deref(), Ok("mailto:help@example.com"));
        for bad in ["help@example.com", "javascript:alert(1)", "mailto:", "data:text/html,hi", ""] {
            assert!(help(bad).is_err(), "{bad}");
        }
        for bad in ["javascript:alert(1)", "mailto:help@example.com", "/docs"] {
            assert!(page(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_setting_of_the_product_is_named_when_it_is_bad() {
        let text = |text: &str| Some(text.to_owned());
        let bad = RawSettings {
            brand_name: text("\u{7}"),
            brand_logo: text("/nowhere/logo.svg"),
            brand_color: text("indigo"),
            brand_docs_url: text("docs"),
            brand_support_url: text("help"),
            example_request: text("GET it"),
            ..RawSettings::default()
        };
        let problems = bad.resolve().expect_err("all wrong").to_string();
        let names: Vec<_> = problems.lines().filter_map(|line| line.split(':').next()).collect();
        let expected = [
            "LATCHKEY_BRAND_NAME",
            "LATCHKEY_BRAND_LOGO",
            "LATCHKEY_BRAND_COLOR",
            "LATCHKEY_BRAND_DOCS_URL",
            "LATCHKEY_BRAND_SUPPORT_URL",
            "LATCHKEY_EXAMPLE_REQUEST",
        ];
        assert_eq!(names, expected);
    }
}
