//! The pages people see in a browser, and the scripts and styles that the pages load.
//!
//! A page is a value that renders itself: [`SignInPage`], [`ApiKeysPage`] and so on, from what the
//! domain answers. Everything a page loads is an [`Asset`], compiled in. No page asks another host for
//! anything, and none holds a script or a style of its own, so that [`CONTENT_SECURITY_POLICY`] can
//! forbid both.
//!
//! The scripts are plain ES modules, clients of the JSON API like any other. They build what they show
//! from elements and text, never from markup, which the policy enforces too (Trusted Types).

mod activity;
mod assets;
mod error_page;
mod key_row;
mod pages;
mod reference;
mod user_agent;

use assets::asset;

pub use activity::ActivityPage;
pub use assets::{Asset, VERSION};
pub use error_page::ErrorPage;
pub use pages::{ApiKeysPage, CONTENT_SECURITY_POLICY, Page, ProfilePage, SignInPage, SignUpPage};
pub use reference::{Reference, ReferencePage};
