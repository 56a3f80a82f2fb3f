//! A child process whose output is collected as it comes, and which never outlives its test.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Output = Arc<Mutex<Vec<u8>>>;

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
    readers: Vec<JoinHandle<()>>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// What it printed on either stream.
    pub(crate) text: String,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command, input: &str) -> Self {
        Self::spawn_printing_to(command, input, Stdio::piped(), Stdio::piped())
    }

    /// Spawns it with these streams; what it prints is collected from those that are piped.
    pub(crate) fn spawn_printing_to(
        command: &mut Command,
        input: &str,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Self {
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        let mut child = command.spawn().expect("the binary under test starts");
        // A command that reads nothing may be gone by now, which is its own affair.
        drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
        let (stdout, stderr) = (Output::default(), Output::default());
        let printed = child.stdout.take().map(|stream| collect(stream, &stdout));
        let logged = child.stderr.take().map(|stream| collect(stream, &stderr));
        let readers = printed.into_iter().chain(logged).collect();
        Self { child, stdout, stderr, readers }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed so far.
    pub(crate) fn text(&self) -> String {
        text_of(&self.stdout) + &text_of(&self.stderr)
    }

    /// Sends a signal by name, such as `TERM`; the standard library knows only KILL.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &line]).status().expect("sh runs");
        assert!(status.success(), "{line}");
    }

    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours to wait for")
    }

    /// Waits for its end and gives all it printed.
    pub(crate) fn finish(mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.has_ended() {
                break status;
            }
            assert!(Instant::now() < deadline, "still running after {patience:?}: {}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("the reader does not panic");
        }
        Finished { code: status.code(), stdout: text_of(&self.stdout), text: self.text() }
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "it tells why the test failed")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("process {} printed:\n{}", self.id(), self.text());
        }
    }
}

impl Finished {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn expect_failure(self) -> Self {
        assert!(self.code.is_some_and(|code| code != 0), "{self:#?}");
        self
    }
}

fn text_of(output: &Output) -> String {
    let bytes = output.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn collect(mut stream: impl Read + Send + 'static, into: &Output) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            into.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..count]);
        }
    })
}
