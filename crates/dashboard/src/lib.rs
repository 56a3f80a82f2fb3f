//! The pages people see in a browser, and the scripts and styles that the pages load.
//!
//! A page is a value that renders itself from the domain's answers: [`SignInPage`], [`ApiKeysPage`] and so
//! on. Everything a page loads is an [`Asset`], compiled in. No page asks another host for anything, and
//! none has inline scripts or styles, so that [`CONTENT_SECURITY_POLICY`] can forbid all of these.
//!
//! What the pages say, they say in the reader's [`Language`], out of one catalogue for each that the scripts read too.
//!
//! The scripts are ES modules, clients of the JSON API like any other; the build script joins those of a page. They build the page from
//! elements and text, never from markup, which the policy enforces too (Trusted Types).

mod activity;
mod assets;
mod calls;
mod error_page;
mod example_call;
mod figures;
mod key_row;
mod operator;
mod pages;
mod product;
mod query;
mod reader;
mod reference;
mod sorting;
#[cfg(debug_assertions)]
mod style_guide;
mod usage_page;
mod user_agent;
mod view;
mod words;

use assets::asset;

pub use activity::ActivityPage;
pub use assets::{Asset, VERSION};
pub use calls::Days;
pub use error_page::ErrorPage;
pub use operator::{
    Barrier, Instances, OperatorAccountsPage, OperatorActivityPage, OperatorKeyPage,
    OperatorKeysPage, OperatorOwnerPage, OperatorSystemPage, OperatorTokensPage, SoughtEvents,
};
pub use pages::{ApiKeysPage, CONTENT_SECURITY_POLICY, Page, ProfilePage, SignInPage, SignUpPage};
pub use product::{Accent, BadLook, Logo, Product};
pub use reader::{Reader, Who};
pub use reference::{Reference, ReferenceAt, WayIn};
pub use sorting::Sorting;
#[cfg(debug_assertions)]
pub use style_guide::StyleGuidePage;
pub use usage_page::UsagePage;
pub use view::{Shown, View};
pub use words::Language;
