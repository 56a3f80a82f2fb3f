use std::fmt;
use std::fs;
use std::time::Duration;

use latchkey_domain::Timestamp;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use latchkey_http::exposition::metric;

/// What the operating system says of this process. It is asked for each page of metrics.
#[derive(Debug)]
pub(crate) struct Process {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_descriptors: usize,
}

impl Process {
    /// Counts the descriptors one by one, so not on a thread that serves. `None` where the system does
    /// not tell, as systems other than Linux don't.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "to be shown as seconds"
    )]
    pub(super) fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // Behind the name of the program, which may hold anything, the third field comes next.
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) as f64 / clock_ticks_per_second() as f64,
            resident_bytes: field(24)? * u64::try_from(page_size()).ok()?,
            virtual_bytes: field(23)?,
            // One of them is the folder that is read.
            open_descriptors: fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1),
        })
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let name = "process_cpu_seconds_total";
        metric(out, name, "counter", "Time of the processors, in seconds.", self.cpu_seconds)?;
        let name = "process_resident_memory_bytes";
        metric(out, name, "gauge", "Memory in use.", self.resident_bytes)?;
        let name = "process_virtual_memory_bytes";
        metric(out, name, "gauge", "Memory that is reserved.", self.virtual_bytes)?;
        let name = "process_open_fds";
        metric(out, name, "gauge", "Open file descriptors.", self.open_descriptors)
    }
}

/// What needs no question: how many descriptors there may be, and since when this process runs.
pub(super) fn write_fixed(out: &mut String, started: Timestamp) -> fmt::Result {
    if let Some(most) = getrlimit(Resource::Nofile).current {
        metric(out, "process_max_fds", "gauge", "File descriptors that may be open.", most)?;
    }
    let millis = u64::try_from(started.unix_millis()).unwrap_or_default();
    let since = Duration::from_millis(millis).as_secs_f64();
    let name = "process_start_time_seconds";
    metric(out, name, "gauge", "When the process started, in seconds since 1970.", since)
}
