use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the log, the database's files, its connections for writing, and the listeners for `/metrics` and for
/// calls with a management token.
const KEPT: u64 = 128;
/// For each thread that answers: its own, its connections to the database for reading, and sockets
/// that were accepted and not looked at yet.
const KEPT_PER_WORKER: u64 = 32;
/// An idle connection takes about 20 kB.
const MOST_PER_WORKER: u64 = 25_600;
/// Below that, the operator ought to know.
const FEW: u64 = 1_024;

/// How many files and sockets this process may have open at a time.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors(u64);

impl Descriptors {
    /// Raises the soft limit of this process to the hard one. Where that fails, the log says so, and the
    /// limit stays.
    pub fn raise() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => Self::of(maximum),
            Err(error) => {
                tracing::warn!(%error, "could not raise the limit on open files");
                Self::of(current)
            }
        }
    }

    fn of(limit: Option<u64>) -> Self {
        Self(limit.unwrap_or(u64::MAX))
    }

    /// How many of them the connections to `workers` threads may take, at least 1. Some are kept back, so that
    /// the database is reached however many connections there are. The log names both numbers.
    pub fn for_connections(self, workers: usize) -> usize {
        let connections = self.less_kept(u64::try_from(workers).unwrap_or(u64::MAX));
        let limit = self.0;
        if limit < FEW {
            tracing::warn!(
                limit,
                connections,
                "few files may be open: raise the limit (ulimit -n)"
            );
        } else {
            tracing::info!(limit, connections, "open files and connections are limited");
        }
        usize::try_from(connections).unwrap_or(usize::MAX)
    }

    fn less_kept(self, workers: u64) -> u64 {
        let kept = KEPT.saturating_add(workers.saturating_mul(KEPT_PER_WORKER));
        let rest = self.0.saturating_sub(kept).max(self.0 / 4);
        rest.clamp(1, workers.saturating_mul(MOST_PER_WORKER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_back_and_connections_are_bounded_where_there_are_many() {
        for (limit, workers, connections) in [
            (1_024, 2, 832),
            (524_288, 2, 51_200),
            (u64::MAX, 64, 1_638_400),
            (1_024, 64, 256),
            (256, 2, 64),
            (2, 1, 1),
        ] {
            assert_eq!(Descriptors(limit).less_kept(workers), connections, "{limit}, {workers}");
        }
    }
}
