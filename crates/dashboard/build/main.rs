//! Makes what the binary holds of `assets/`: each page's scripts as one file, and everything compressed once, as well as
//! it can be.

mod bundle;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use brotli::BrotliCompress;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use self::bundle::{Sources, bundle, modules_of};

/// The modules that a page or another dashboard loads by name. Each becomes one file with all that it imports: of a
/// file for each module, a browser would learn level by level, and HTTP/1.1 fetches six files concurrently.
const ENTRIES: [&str; 9] = [
    "activity.js",
    "api-keys-panel.js",
    "api-keys.js",
    "credentials.js",
    "operator.js",
    "page.js",
    "profile.js",
    "reference.js",
    "usage-page.js",
];
/// What runs before the first paint, and no module; and the texts, of which a page loads one language.
const BY_THEMSELVES: [&str; 5] =
    ["operator-words-de.js", "operator-words-en.js", "theme.js", "words-de.js", "words-en.js"];

type Files = BTreeMap<String, Vec<u8>>;

#[expect(clippy::print_stdout, reason = "cargo reads it")]
#[expect(clippy::disallowed_methods, reason = "cargo says by a variable where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut list = "&[\n".to_owned();
    for (name, bytes) in served(files_in(Path::new("assets"))?)? {
        fs::write(out.join(&name), &bytes)?;
        let (brotli, gzip) = if has_extension(&name, "woff2") {
            (None, None)
        } else {
            (Some(brotli(&bytes)?), Some(gzip(&bytes)?))
        };
        let brotli = embedded(&out, &format!("{name}.br"), brotli)?;
        let gzip = embedded(&out, &format!("{name}.gz"), gzip)?;
        let bytes = included(&name);
        writeln!(
            list,
            "Asset {{ name: {name:?}, bytes: {bytes}, brotli: {brotli}, gzip: {gzip} }},"
        )?;
    }
    fs::write(out.join("assets.rs"), list + "]")?;
    Ok(())
}

fn files_in(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| format!("{} is not UTF-8", name.display()))?;
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// The files as they are served.
fn served(mut files: Files) -> Result<Files, Box<dyn Error>> {
    let mut sources = Sources::new();
    let is_module = |name: &str| has_extension(name, "js") && !BY_THEMSELVES.contains(&name);
    let scripts = files.extract_if(.., |name, _| is_module(name));
    for (name, bytes) in scripts {
        sources.insert(name, String::from_utf8(bytes)?);
    }
    let mut unused: Vec<_> = sources.keys().map(String::as_str).collect();
    for entry in ENTRIES {
        let used = modules_of(entry, &sources)?;
        unused.retain(|name| !used.contains(name));
        files.insert(entry.to_owned(), bundle(entry, &sources)?.into_bytes());
    }
    if unused.is_empty() { Ok(files) } else { Err(format!("no page loads {unused:?}").into()) }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|it| it == extension)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let best = BrotliEncoderParams { quality: 11, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    BrotliCompress(&mut &*bytes, &mut compressed, &best)?;
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Writes a file, and returns the expression that includes it.
fn embedded(out: &Path, name: &str, bytes: Option<Vec<u8>>) -> Result<String, Box<dyn Error>> {
    let Some(bytes) = bytes else { return Ok("None".to_owned()) };
    fs::write(out.join(name), bytes)?;
    Ok(format!("Some({})", included(name)))
}

fn included(name: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))")
}
