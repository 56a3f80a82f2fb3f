//! `embed_migrations!` reads files that Cargo doesn't know about.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
