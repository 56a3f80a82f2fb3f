//! Model
mod flaw;
mod instance;
mod number;
mod protocol;
mod store;
mod verification;

use flaw::Flaw;
use latchkey_verifier::protocol::WAIT;
use protocol::{Protocol, STRICT};
use stateright::{Checker, HasDiscoveries, Model};
use std::time::Duration;

fn good() -> Protocol {
    Protocol {
        instances: 1,
        changes: [1, 1],
        registrations: 2,
        redigests: 0,
        losses: 0,
        ticks: 4,
        tick: WAIT / 2,
        rates: [100, 100],
        flaw: None,
    }
}

#[test]
fn explore() {
    let t = std::time::Instant::now();
    let e =
        |n: &str, d: u32| std::env::var_os(n).map_or(d, |v| v.to_str().unwrap().parse().unwrap());
    let p = Protocol {
        ticks: e("T", 4),
        changes: [e("CA", 1) as u8, e("CB", 1) as u8],
        registrations: e("R", 2) as u8,
        losses: e("L", 0) as u8,
        redigests: e("D", 0) as u8,
        ..good()
    };
    let c = p.checker().threads(2).spawn_bfs().join();
    println!(
        "{} unique {} depth {} in {:?}",
        c.state_count(),
        c.unique_state_count(),
        c.max_depth(),
        t.elapsed()
    );
    for (n, p) in c.discoveries() {
        println!("{n}: {}", p.into_actions().len());
    }
}
