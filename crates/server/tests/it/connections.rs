//! Peers that send without reading, or only sit there, and everybody else meanwhile.

mod room;
mod stalled;

use std::fs;
use std::time::{Duration, Instant};

use crate::server::Server;

fn closed(server: &Server, reason: &str) -> u64 {
    server.metric(&format!("latchkey_connections_closed_total{{reason=\"{reason}\"}}"))
}

/// The part of one core that a server's process takes, as measured over `span`.
fn cpu_share(server: &Server, span: Duration) -> f64 {
    let (before, began) = (cpu_time(server), Instant::now());
    std::thread::sleep(span);
    cpu_time(server).saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64()
}

fn cpu_time(server: &Server) -> Duration {
    let stat = process_file(server, "stat");
    let (_, rest) = stat.rsplit_once(") ").expect("stat names the program in parentheses");
    let ticks = rest.split(' ').skip(11).take(2).map(|it| it.parse::<u64>().expect("ticks"));
    // A tick is 10 ms on every Linux.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Memory in use, in bytes.
fn memory(server: &Server) -> u64 {
    let status = process_file(server, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
}

fn process_file(server: &Server, name: &str) -> String {
    let path = format!("/proc/{}/{name}", server.process_id());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
