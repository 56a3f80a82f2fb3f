use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::OnceLock;
use std::{fs, io};

use tokio_postgres::NoTls;

use super::binaries;
use super::cluster::{Cluster, Home};
use super::server::WAYS_OUT;

/// Run by the server, in its folder: an authority, a certificate of it for `localhost`, and an
/// authority that has nothing to do with it.
const CERTIFICATES: &str = "\
set -e; \
new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; \
$new -x509 -days 2 -subj '/CN=Test authority' -keyout ca.key -out ca.pem; \
$new -x509 -days 2 -subj '/CN=Another authority' -keyout other.key -out other.pem; \
$new -subj /CN=localhost -keyout server.key -out server.csr; \
echo subjectAltName=DNS:localhost > extensions; \
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile extensions -out server.pem";

/// A Postgres server of one test alone, to be stopped and started at will. What it has confirmed
/// is on the disk. Making, stopping and starting it block the thread.
#[derive(Debug)]
pub struct PrivateCluster {
    cluster: Cluster,
    port: u16,
    password: String,
    url: String,
}

impl PrivateCluster {
    /// Makes the cluster and starts the server.
    pub fn start() -> Self {
        let bin = match binaries::find() {
            Ok(Some(bin)) => bin,
            Ok(None) => panic!("no server programs were found\n{WAYS_OUT}"),
            Err(why) => panic!("{why}\n{WAYS_OUT}"),
        };
        // Another process may get the port that was free just now.
        let mut attempts = (0..3).map(|_attempt| Self::try_start(&bin));
        attempts
            .find_map(Result::ok)
            .unwrap_or_else(|| Self::try_start(&bin).expect("a private server starts"))
    }

    /// The address of its database `postgres`, the same after each start.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server as if it had crashed: connections break off, nothing is written down that
    /// was not before. Waits for its end.
    pub fn stop_immediately(&self) {
        self.cluster.stop().expect("a running server stops");
    }

    /// Starts the stopped server and waits until it takes connections.
    pub fn start_again(&self) {
        self.cluster.start().expect("a stopped server starts");
    }

    /// Switches TLS on, as `localhost`, and starts the server again. Answers the folder with `ca.pem`, the
    /// authority that proves the name, and `other.pem`, one that has nothing to do with it.
    pub async fn use_tls(&self) -> String {
        let (client, connection) =
            tokio_postgres::connect(&self.url, NoTls).await.expect("it takes connections");
        tokio::spawn(connection);
        let script = CERTIFICATES.replace('\'', "''");
        let program = format!("copy (select) to program '({script}) 2>&1'");
        client.batch_execute(&program).await.expect("openssl runs");
        for setting in ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"] {
            let set = format!("alter system set {setting}");
            client.batch_execute(&set).await.expect("we are its superuser");
        }
        let row = client.query_one("show data_directory", &[]).await.expect("it tells");
        self.stop_immediately();
        self.start_again();
        row.get(0)
    }

    /// Makes a standby of this server and starts it. It calls itself `name`, and copies changes as
    /// they are made; reads are allowed on it.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let bin = binaries::find().expect("found before").expect("found before");
        let mut attempts = (0..3).map(|_attempt| self.try_standby(&bin, name));
        attempts
            .find_map(Result::ok)
            .unwrap_or_else(|| self.try_standby(&bin, name).expect("a standby starts"))
    }

    /// Makes a standby the primary of a time of its own, and waits until it is.
    pub fn promote(&self) {
        self.cluster.promote().expect("a standby can be promoted");
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Lets no process of the server run. Its connections stay, and say nothing.
    pub fn pause(&self) {
        self.cluster.signal("STOP").expect("a server that runs");
    }

    /// Lets them run again.
    pub fn go_on(&self) {
        self.cluster.signal("CONT").expect("a server that is paused");
    }

    fn try_standby(&self, bin: &Path, name: &str) -> io::Result<Self> {
        let (cluster, port) = new_cluster(bin)?;
        let primary = format!("{} application_name={name}", self.connection_string());
        cluster.copy_of(&primary, &format!("port = {port}\n"))?;
        cluster.start()?;
        let url = url(&self.password, port);
        Ok(Self { cluster, port, password: self.password.clone(), url })
    }

    /// For programs of Postgres.
    fn connection_string(&self) -> String {
        format!("host=127.0.0.1 port={} user=postgres password={}", self.port, self.password)
    }

    fn try_start(bin: &Path) -> io::Result<Self> {
        let template = Template::of_this_process(bin).map_err(io::Error::other)?;
        let (cluster, port) = new_cluster(bin)?;
        cluster.clone_of(
            &template.cluster,
            &format!("listen_addresses = '127.0.0.1'\nport = {port}\nmax_connections = 100\n"),
        )?;
        cluster.start()?;
        let password = template.password.clone();
        let url = url(&password, port);
        Ok(Self { cluster, port, password, url })
    }
}

/// What the private clusters of a process begin as. `initdb` costs ten times the CPU of a copy. They
/// share their superuser's password and, like a primary and its standby, their system identifier.
#[derive(Debug)]
struct Template {
    cluster: Cluster,
    password: String,
}

impl Template {
    fn of_this_process(bin: &Path) -> Result<&'static Self, &'static str> {
        static TEMPLATE: OnceLock<Result<Template, String>> = OnceLock::new();
        let make = || Self::make(bin).map_err(|error| error.to_string());
        TEMPLATE.get_or_init(make).as_ref().map_err(String::as_str)
    }

    fn make(bin: &Path) -> io::Result<Self> {
        let cluster = new_folder(bin)?;
        // Any user of the machine can reach the ports.
        let password = format!("{:016x}", RandomState::new().hash_one(()));
        let password_file = cluster.folder.join("password");
        fs::write(&password_file, &password)?;
        let password_file = format!("--pwfile={}", password_file.display());
        cluster.init(&["--auth=scram-sha-256", &password_file], "")?;
        Ok(Self { cluster, password })
    }
}

/// An empty folder, and a port for the server in it.
fn new_cluster(bin: &Path) -> io::Result<(Cluster, u16)> {
    let cluster = new_folder(bin)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    Ok((cluster, port))
}

fn new_folder(bin: &Path) -> io::Result<Cluster> {
    let home = Home::open()?;
    let lock = home.lock()?;
    home.sweep(bin)?;
    let cluster = home.make(bin, 0)?;
    drop(lock);
    Ok(cluster)
}

fn url(password: &str, port: u16) -> String {
    format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        // A paused server can't stop.
        let _going = self.cluster.signal("CONT");
        // It may be stopped already; the guard removes the folder.
        let _stopped = self.cluster.stop();
    }
}
