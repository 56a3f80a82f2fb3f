use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file that pages load. Scripts are bundled: a page loads one, which holds all modules that it needs.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    name: &'static str,
    /// The content of the file.
    pub bytes: &'static [u8],
    /// The same, compressed by Brotli; a typeface is compressed already.
    pub brotli: Option<&'static [u8]>,
    /// The same, compressed by gzip.
    pub gzip: Option<&'static [u8]>,
}

// Made by build/main.rs.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A digest of all assets. It is part of their address, `/assets/{VERSION}/{name}`, so that a browser may keep
/// a file without a limit, and never mixes the files of two builds.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for asset in ASSETS {
        all.update(asset.name);
        all.update(asset.bytes.len().to_be_bytes());
        all.update(asset.bytes);
    }
    let digest = all.finalize();
    let first = digest.first_chunk().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
});

impl Asset {
    /// The asset of this name.
    pub fn find(name: &str) -> Option<Self> {
        ASSETS.iter().find(|asset| asset.name == name).copied()
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "woff2")) => "font/woff2",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

/// The address of the asset of this name, for templates.
pub(crate) fn asset(name: &str) -> String {
    debug_assert!(Asset::find(name).is_some(), "{name} is not an asset");
    format!("/assets/{}/{name}", *VERSION)
}

#[cfg(test)]
#[path = "../build/bundle.rs"]
mod bundle;

#[cfg(test)]
mod tests {
    use super::bundle::{Sources, bundle};

    fn sources(modules: &[(&str, &str)]) -> Sources {
        modules.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_module_comes_once_and_after_those_that_it_imports() {
        let sources = sources(&[
            (
                "a.js",
                "// @ts-check\nimport { b, B as C } from './b.js'\nimport './c-d.js'\n\nb()\n",
            ),
            ("b.js", "/** Says\n * nothing. */\nexport function b() {}\nexport class B { }\n"),
            (
                "c-d.js",
                "import { b } from './b.js'\n  // indented\nexport const c = `\n// kept\nimport (\n` // too\nconst e = await import(`./${c}`)\nexport async function d() {}\n",
            ),
            ("unused.js", ""),
        ]);
        let expected = "\
// b.js
const $b = (() => {
function b() {}
class B { }
return { b, B }
})()
// c-d.js
const $c_d = await (async () => {
const { b } = $b
const c = `
// kept
import (
` // too
const e = await import(`./${c}`)
async function d() {}
return { c, d }
})()
// a.js
const $a = (() => {
const { b, B: C } = $b
b()
return {  }
})()
";
        assert_eq!(bundle("a.js", &sources).as_deref(), Ok(expected));
    }

    #[test]
    fn what_no_bundle_can_say_is_refused() {
        for (source, fault) in [
            ("import { a } from './a.js'", "a.js imports itself by way of a.js"),
            ("import { b } from './b.js'", "b.js is imported, and is no script"),
            ("import {\n b } from './a.js'", "what no bundle can"),
            ("import { b } from 'elsewhere'", "what no bundle can"),
            ("import { b } from './a.js';", "what no bundle can"),
            ("import * as b from './a.js'", "what no bundle can"),
            ("import b from './a.js'", "what no bundle can"),
            ("export default b", "what no bundle can"),
            ("export let b = 1", "what no bundle can"),
            ("export { b }", "what no bundle can"),
            ("export function* b() {}", "what no bundle can"),
            ("export const { b } = {}", "what no bundle can"),
            ("/** A type. */ const b = 1", "code follows a comment"),
            ("/* open", "does not end"),
            ("const b = `open", "does not end"),
            ("const b = '`' + `\\`", "does not end"),
        ] {
            let refused = bundle("a.js", &sources(&[("a.js", source)])).expect_err(source);
            assert!(refused.contains(fault), "{source}: {refused}");
        }
    }
}
