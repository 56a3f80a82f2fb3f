use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file that pages load.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    name: &'static str,
    /// The content of the file.
    pub bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal)*) => {
        &[$(Asset { name: $name, bytes: include_bytes!(concat!("../assets/", $name)) }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "account.js" "activity.js" "afresh.js" "answer.js" "api-keys-panel.js" "api.js" "clock.js" "copy.js"
    "create.js" "credentials.js" "csv.js" "detail.js" "dialog.js" "dom.js" "expire.js" "expiry.js"
    "form.js" "geist-mono.woff2" "icon.svg" "icons.js" "inter.woff2" "keyring.js" "keys.js" "languages.js" "list.js" "menu.js" "page.css" "page.js"
    "panel.css" "problem.js" "profile.js" "program.js" "reference.css" "reference.js" "rename.js" "reveal.js"
    "revoke.js" "rotate.js" "row.js" "shortcuts.js" "sign-in.js" "snippets.js" "stage.js" "strings.js" "tabs.js" "takeover.js" "theme.js"
    "times.js" "tip.js" "toast.js" "token.js" "told.js" "toolbar.js" "views.js" "words-de.js" "words-en.js"
];

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
