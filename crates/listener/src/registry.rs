use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::future::{AbortHandle, AbortRegistration};
use ipnet::IpNet;

use crate::connection::{Client, Connection};
use crate::tally::{Closed, Tally};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Under pressure, this part of all connections is closed in one go, so that looking for those that
/// were idle longest costs little for each new one.
const PART: usize = 64;

/// How many connections a listener may have.
#[derive(Debug, Clone)]
pub struct Room {
    /// In all.
    pub most: usize,
    /// From one address that is not a trusted proxy's.
    pub per_address: usize,
    /// Their connections are not counted by address, and give way last. Those by a Unix socket are like them.
    pub trusted_proxies: Vec<IpNet>,
}

/// The open connections of a listener. A new one is never refused: where there is no room for it,
/// the one that was idle longest is closed.
#[derive(Debug)]
pub(crate) struct Registry {
    room: Room,
    tally: Arc<Tally>,
    epoch: Instant,
    open: Mutex<Open>,
}

/// Those that nobody has told to close yet.
#[derive(Debug, Default)]
struct Open {
    by_client: HashMap<Client, HashMap<u64, Arc<Connection>>>,
    count: usize,
    next_id: u64,
}

/// A connection's place in the registry, for as long as its socket is open.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) connection: Arc<Connection>,
    registry: Arc<Registry>,
}

impl Registry {
    pub(crate) fn new(room: Room, tally: Arc<Tally>) -> Self {
        Self { room, tally, epoch: Instant::now(), open: Mutex::default() }
    }

    /// Makes room for a new connection. What the registration is given to ends when the connection
    /// has to close. A peer without an address came by a Unix socket and is trusted.
    pub(crate) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> (Place, AbortRegistration) {
        let client = peer.map_or(Client::Local, Client::of);
        let trusted = peer
            .map(|peer| peer.to_canonical())
            .is_none_or(|peer| self.room.trusted_proxies.iter().any(|net| net.contains(&peer)));
        let (close, registration) = AbortHandle::new_pair();
        let mut open = self.lock();
        if open.count >= self.room.most {
            open.relieve();
        }
        if !trusted {
            open.make_room_for(client, self.room.per_address);
        }
        let id = open.next_id;
        open.next_id += 1;
        let connection = Arc::new(Connection::new(id, client, trusted, self.epoch, close));
        open.insert(Arc::clone(&connection));
        drop(open);
        self.tally.count_opened();
        (Place { connection, registry: Arc::clone(self) }, registration)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the connections that only cost, for as long as there is a registry.
pub(crate) async fn keep_closing(registry: Weak<Registry>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(registry) = registry.upgrade() else { return };
        // A process that stood still has not read yet what its peers sent meanwhile.
        if last.elapsed() < 2 * LOOK_EVERY {
            registry.lock().close_stalled();
        }
        last = Instant::now();
    }
}

impl Open {
    fn insert(&mut self, connection: Arc<Connection>) {
        self.count += 1;
        self.by_client.entry(connection.client).or_default().insert(connection.id, connection);
    }

    /// Nothing, where the connection was told to close before.
    fn remove(&mut self, connection: &Connection) {
        let Some(of_client) = self.by_client.get_mut(&connection.client) else { return };
        if of_client.remove(&connection.id).is_some() {
            self.count -= 1;
        }
        if of_client.is_empty() {
            self.by_client.remove(&connection.client);
        }
    }

    fn close(&mut self, connection: &Connection, why: Closed) {
        self.remove(connection);
        connection.close(why);
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.by_client.values().flat_map(HashMap::values)
    }

    fn make_room_for(&mut self, client: Client, most: usize) {
        let Some(of_client) = self.by_client.get(&client) else { return };
        if of_client.len() >= most
            && let Some(least) = of_client.values().min_by_key(|it| it.worth()).cloned()
        {
            self.close(&least, Closed::Address);
        }
    }

    fn relieve(&mut self) {
        let mut all: Vec<_> = self.all().map(|it| (it.worth(), Arc::clone(it))).collect();
        let part = all.len() / PART;
        if part < all.len() {
            all.select_nth_unstable_by(part, |(a, _), (b, _)| a.cmp(b));
        }
        for (_, connection) in all.iter().take(part + 1) {
            self.close(connection, Closed::Pressure);
        }
    }

    fn close_stalled(&mut self) {
        let stalled: Vec<_> =
            self.all().filter_map(|it| Some((it.stalled()?, Arc::clone(it)))).collect();
        for (why, connection) in stalled {
            self.close(&connection, why);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.connection);
        self.registry.tally.count_closed(self.connection.why_closed());
    }
}
