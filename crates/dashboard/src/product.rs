use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::asset;

/// A logo stands on every page; an image of this size is no logo.
const LARGEST_LOGO: usize = 256 * 1024;
/// WCAG 2.2, 1.4.3: what text and its ground differ by.
const LEGIBLE: f64 = 4.5;

/// What the pages say of the product whose keys these are: by default Latchkey itself.
#[derive(Debug, Clone)]
pub struct Product {
    /// Its name, in the place of "Latchkey".
    pub name: String,
    /// Its logo, in the place of Latchkey's.
    pub logo: Option<Logo>,
    /// The colour of links and of the primary button.
    pub accent: Option<Accent>,
    /// The address of its documentation, in the place of the API reference.
    pub docs_url: Option<String>,
    /// Where its people find help.
    pub support_url: Option<String>,
    /// What the code that comes with a new key sends: a method, an address and perhaps a body of JSON.
    pub example_request: Option<String>,
}

/// An image, SVG or PNG, with an address of its own.
#[derive(Clone)]
pub struct Logo {
    bytes: Vec<u8>,
    kind: &'static str,
    address: String,
}

/// A colour in light and one in dark, with what is legible on them, as a style sheet with an address of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accent {
    light: Rgb,
    dark: Rgb,
    sheet: String,
    address: String,
}

/// Why a logo or a colour is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLook {
    /// The image is larger than 256 KiB.
    LargeLogo,
    /// The file is neither SVG nor PNG.
    NoLogo,
    /// The text is no colour.
    NoColor,
}

impl Default for Product {
    fn default() -> Self {
        Self {
            name: "Latchkey".to_owned(),
            logo: None,
            accent: None,
            docs_url: None,
            support_url: None,
            example_request: None,
        }
    }
}

impl Product {
    /// The content and the media type of the file at `/assets/{version}/{name}`, if it is of this product.
    pub fn asset(&self, version: &str, name: &str) -> Option<(&[u8], &'static str)> {
        let path = format!("/assets/{version}/{name}");
        let logo = self.logo.as_ref().filter(|logo| logo.address == path);
        let logo = logo.map(|logo| (logo.bytes.as_slice(), logo.kind));
        let accent = self.accent.as_ref().filter(|accent| accent.address == path);
        logo.or(accent.map(|accent| (accent.sheet.as_bytes(), "text/css; charset=utf-8")))
    }

    /// The address of the logo.
    pub fn logo_address(&self) -> String {
        self.logo.as_ref().map_or_else(|| asset("icon.svg"), |logo| logo.address.clone())
    }

    pub(crate) fn logo_type(&self) -> &'static str {
        self.logo.as_ref().map_or("image/svg+xml", |logo| logo.kind)
    }

    /// What files that people save are called by.
    pub(crate) fn file_name(&self) -> String {
        let letters =
            |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
        let words: String = self.name.chars().map(letters).collect();
        let name = words.split_whitespace().collect::<Vec<_>>().join("-");
        if name.is_empty() { "api-keys".to_owned() } else { name }
    }
}

impl Logo {
    /// The logo that a file holds. A browser shows it as an image alone, so that no script in an SVG runs.
    pub fn read(bytes: Vec<u8>) -> Result<Self, BadLook> {
        if bytes.len() > LARGEST_LOGO {
            return Err(BadLook::LargeLogo);
        }
        let (kind, ending) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            ("image/png", "png")
        } else if is_svg(&bytes) {
            ("image/svg+xml", "svg")
        } else {
            return Err(BadLook::NoLogo);
        };
        let address = format!("/assets/{}/logo.{ending}", digest(&bytes));
        Ok(Self { bytes, kind, address })
    }
}

/// By its first element: before it there may be a declaration, comments and a document type.
fn is_svg(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    for (open, close) in [("<?xml", "?>"), ("<!--", "-->"), ("<!DOCTYPE svg", ">"), ("<!--", "-->")]
    {
        while rest.starts_with(open) {
            let Some((_, after)) = rest.split_once(close) else { return false };
            rest = after.trim_start();
        }
    }
    rest.strip_prefix("<svg").is_some_and(|it| it.starts_with([' ', '\t', '\r', '\n', '>']))
}

impl Accent {
    /// Reads `#rrggbb`, the colour in light and in dark, or two of them with a comma between.
    pub fn parse(text: &str) -> Result<Self, BadLook> {
        let (light, dark) = text.split_once(',').unwrap_or((text, text));
        let (light, dark) = (Rgb::parse(light.trim())?, Rgb::parse(dark.trim())?);
        // The palest and the darkest ground on which a page has links, as panel.css has them.
        let links = (
            light.until_legible(Rgb::BLACK, Rgb([0xf5, 0xf6, 0xf8])),
            dark.until_legible(Rgb::WHITE, Rgb([0x1a, 0x1d, 0x23])),
        );
        let (on_light, on_dark) = (light.text(), dark.text());
        let sheet = format!(
            ":root, api-keys-panel {{\n  --lk-accent: light-dark({}, {});\n  --lk-accent-fill: light-dark({light}, {dark});\n  \
             --lk-on-accent: light-dark({on_light}, {on_dark});\n  --lk-accent-press: light-dark({}, {});\n}}\n",
            links.0,
            links.1,
            on_light.opposite(),
            on_dark.opposite(),
        );
        let address = format!("/assets/{}/accent.css", digest(sheet.as_bytes()));
        Ok(Self { light, dark, sheet, address })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.light, self.dark)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rgb([u8; 3]);

impl Rgb {
    const BLACK: Self = Self([0; 3]);
    const WHITE: Self = Self([255; 3]);

    fn parse(text: &str) -> Result<Self, BadLook> {
        let digits = text.strip_prefix('#').filter(|it| it.len() == 6).ok_or(BadLook::NoColor)?;
        let number = |at| digits.get(at..at + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
        match (number(0), number(2), number(4)) {
            (Some(red), Some(green), Some(blue))
                if digits.bytes().all(|it| it.is_ascii_hexdigit()) =>
            {
                Ok(Self([red, green, blue]))
            }
            _ => Err(BadLook::NoColor),
        }
    }

    /// WCAG 2.2, relative luminance.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG 2.2, contrast ratio.
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// White text on it where that is legible, else black, which then is.
    fn text(self) -> Self {
        if self.contrast(Self::WHITE) >= LEGIBLE { Self::WHITE } else { Self::BLACK }
    }

    fn opposite(self) -> Self {
        Self(self.0.map(|part| 255 - part))
    }

    /// The colour, as far towards `end` as it takes to be legible on `ground`.
    fn until_legible(self, end: Self, ground: Self) -> Self {
        let mut steps = (0..=20).map(|step| self.towards(end, step));
        steps.find(|it| it.contrast(ground) >= LEGIBLE).unwrap_or(end)
    }

    /// So many twentieths of the way.
    fn towards(self, end: Self, step: u16) -> Self {
        let [red, green, blue] = self.0;
        let [to_red, to_green, to_blue] = end.0;
        let between = |from: u8, to: u8| {
            let mixed = (u16::from(from) * (20 - step) + u16::from(to) * step) / 20;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self([between(red, to_red), between(green, to_green), between(blue, to_blue)])
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl fmt::Display for BadLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LargeLogo => "must be a file of at most 256 KiB",
            Self::NoLogo => "must be an SVG or a PNG file",
            Self::NoColor => "must be a colour such as #4338ca, or two of them, for light and for dark, with a comma between",
        })
    }
}

impl std::error::Error for BadLook {}

/// Of the address of an asset, so that a browser may keep it without a limit.
fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let first = digest.first_chunk().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accent_is_legible_on_every_page() {
        for text in
            ["#ffff00", "#000000", "#ffffff", "#777777", "#767676", "#4338ca", "#ff0000,#00FF00"]
        {
            let accent = Accent::parse(text).expect(text);
            for fill in [accent.light, accent.dark] {
                assert!(fill.contrast(fill.text()) >= LEGIBLE, "{text}: text on {fill}");
            }
            let value = |name: &str| {
                let line = accent.sheet.lines().find(|line| line.contains(name)).expect(name);
                let colors = line
                    .split_once("light-dark(")
                    .and_then(|it| it.1.split_once(')'))
                    .expect(name)
                    .0;
                let (light, dark) = colors.split_once(", ").expect(name);
                (Rgb::parse(light).expect(light), Rgb::parse(dark).expect(dark))
            };
            let (light, dark) = value("--lk-accent:");
            for (link, ground) in [
                (light, "#ffffff"),
                (light, "#f5f6f8"),
                (dark, "#111317"),
                (dark, "#1a1d23"),
                (dark, "#0b0c0f"),
            ] {
                let ground = Rgb::parse(ground).expect(ground);
                assert!(link.contrast(ground) >= LEGIBLE, "{text}: {link} on {ground}");
            }
            assert_eq!(value("--lk-accent-fill:"), (accent.light, accent.dark));
        }
        assert_eq!(
            Accent::parse(" #ff0000 , #00FF00 ").expect("blanks are fine").to_string(),
            "#ff0000,#00ff00"
        );
    }

    #[test]
    fn what_is_no_colour_never_gets_into_a_style_sheet() {
        for text in [
            "",
            "red",
            "#fff",
            "#12345",
            "#1234567",
            "#+12345",
            "#éé2",
            "#ffffff,",
            "#ffffff,#000000,#000000",
            "#ffffff;}",
        ] {
            assert_eq!(Accent::parse(text), Err(BadLook::NoColor), "{text}");
        }
    }

    #[test]
    fn a_logo_is_an_svg_or_a_png_of_modest_size() {
        let svg = "<?xml version=\"1.0\"?>\n<!-- made by hand -->\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\">\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
        for text in [svg, "<svg>", "\u{feff} <svg\nwidth=\"1\">"] {
            let logo = Logo::read(text.into()).expect(text);
            assert_eq!(logo.kind, "image/svg+xml");
        }
        let png = Logo::read(b"\x89PNG\r\n\x1a\n...".to_vec()).expect("a PNG");
        let product = Product { logo: Some(png.clone()), ..Product::default() };
        let (version, name) = png
            .address
            .strip_prefix("/assets/")
            .and_then(|it| it.split_once('/'))
            .expect("two parts");
        assert_eq!(product.asset(version, name), Some((&b"\x89PNG\r\n\x1a\n..."[..], "image/png")));
        assert_eq!(product.asset("0123456789abcdef", name), None);
        for other in ["", "<html><svg></svg></html>", "<svgx>", "<!-- <svg>", "GIF89a", "<script>"]
        {
            assert_eq!(Logo::read(other.into()).err(), Some(BadLook::NoLogo), "{other}");
        }
        assert_eq!(Logo::read(vec![b' '; LARGEST_LOGO + 1]).err(), Some(BadLook::LargeLogo));
    }

    #[test]
    fn a_file_is_called_by_the_letters_of_the_name() {
        let named =
            |name: &str| Product { name: name.to_owned(), ..Product::default() }.file_name();
        assert_eq!(
            (named("Latchkey").as_str(), named("PeekShot, Inc.").as_str()),
            ("latchkey", "peekshot-inc")
        );
        assert_eq!(named("鍵"), "api-keys");
    }
}
