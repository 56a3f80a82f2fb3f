//! The servers that a URL names, of which one takes writes.

use futures_util::future::select_ok;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use crate::url::host_count;

/// What to connect to, each on its own: the driver asks one after the other, and never leaves one that
/// takes connections and says nothing, as a server that hangs does.
pub(crate) struct Hosts(Vec<Config>);

impl Hosts {
    /// Those of a configuration that names at least one.
    pub(crate) fn of(config: &Config) -> Self {
        match host_count(config) {
            1 => Self(vec![config.clone()]),
            count => Self((0..count).map(|number| only(config, number)).collect()),
        }
    }

    /// The first.
    pub(crate) fn first(&self) -> &Config {
        self.0.first().expect("a URL without a host was refused")
    }

    /// Asks all together; the first that takes writes is it.
    pub(crate) async fn connect<T>(
        &self,
        tls: T,
    ) -> Result<(Client, Connection<Socket, T::Stream>), Error>
    where
        T: MakeTlsConnect<Socket> + Clone,
    {
        let asked = self.0.iter().map(|host| Box::pin(host.connect(tls.clone())));
        let (connected, _slower) = select_ok(asked).await?;
        Ok(connected)
    }
}

/// The same with one of its hosts: the driver can't take a host out.
fn only(all: &Config, number: usize) -> Config {
    let mut config = Config::new();
    match all.get_hosts().get(number) {
        Some(Host::Tcp(name)) => _ = config.host(name),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => _ = config.host_path(folder),
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(number) {
        config.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(number).or_else(|| all.get_ports().first()) {
        config.port(*port);
    }
    if let Some(user) = all.get_user() {
        config.user(user);
    }
    if let Some(password) = all.get_password() {
        config.password(password);
    }
    if let Some(name) = all.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = all.get_options() {
        config.options(options);
    }
    if let Some(name) = all.get_application_name() {
        config.application_name(name);
    }
    if let Some(limit) = all.get_connect_timeout() {
        config.connect_timeout(*limit);
    }
    if let Some(limit) = all.get_tcp_user_timeout() {
        config.tcp_user_timeout(*limit);
    }
    if let Some(interval) = all.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    config
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    config
}
