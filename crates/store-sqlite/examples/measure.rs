#![allow(warnings, clippy::all, clippy::pedantic)]
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use latchkey_domain::ports::*;
use latchkey_domain::*;
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fixtures::a_key;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
diesel::table! { api_keys (id) { id -> Binary, owner -> Text, name -> Text, prefix -> Text, environment -> Text, digest -> Binary, pepper_id -> BigInt, created_at -> BigInt, version -> BigInt, } }
diesel::table! { key_owners (owner) { owner -> Text, held -> BigInt, closed_at -> Nullable<BigInt>, } }
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn raw(path: &Path, n: usize) -> f64 {
    let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    db.batch_execute("pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on; pragma busy_timeout=5000; pragma cache_size=-16384").unwrap();
    let keys: Vec<ApiKey> =
        (0..n).map(|i| a_key().owned_by(&format!("raw{}", i % 997)).build()).collect();
    let t = Instant::now();
    for k in &keys {
        let p = k.parts();
        db.immediate_transaction(|db| -> QueryResult<()> {
            {
                use diesel::query_dsl::methods::FilterDsl as _;
                let r = diesel::insert_into(key_owners::table)
                    .values((key_owners::owner.eq(p.owner.as_str()), key_owners::held.eq(1)))
                    .on_conflict(key_owners::owner)
                    .do_update()
                    .set(key_owners::held.eq(key_owners::held + 1))
                    .filter(key_owners::held.lt(1000000).and(key_owners::closed_at.is_null()))
                    .execute(db)?;
                assert_eq!(r, 1);
            }
            diesel::insert_into(api_keys::table)
                .values((
                    api_keys::id.eq(p.id.as_uuid().as_bytes().as_slice()),
                    api_keys::owner.eq(p.owner.as_str()),
                    api_keys::name.eq(p.name.as_str()),
                    api_keys::prefix.eq(p.prefix.as_str()),
                    api_keys::environment.eq("live"),
                    api_keys::digest.eq(p.digest.digest.as_bytes().as_slice()),
                    api_keys::pepper_id.eq(1),
                    api_keys::created_at.eq(p.created_at.unix_millis()),
                    api_keys::version.eq(1),
                ))
                .execute(db)?;
            Ok(())
        })
        .unwrap();
    }
    n as f64 / t.elapsed().as_secs_f64()
}
async fn creates(store: &SqliteStore, clients: usize, n: usize) -> f64 {
    let sets: Vec<Vec<ApiKey>> = (0..clients)
        .map(|c| {
            (0..n / clients)
                .map(|i| a_key().owned_by(&format!("own{c}-{}", i % 31)).build())
                .collect()
        })
        .collect();
    let t = Instant::now();
    let hs: Vec<_> = sets
        .into_iter()
        .map(|ks| {
            let s = store.clone();
            tokio::spawn(async move {
                for k in &ks {
                    s.insert(k, 1_000_000).await.unwrap();
                }
            })
        })
        .collect();
    for h in hs {
        h.await.unwrap();
    }
    n as f64 / t.elapsed().as_secs_f64()
}
fn main() {
    let dir = tempfile::tempdir_in(std::env::args().nth(1).unwrap_or("/tmp".into())).unwrap();
    let path = dir.path().join("m.db");
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    rt.block_on(store.migrate()).unwrap();
    // fill
    let total = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(200_000usize);
    let t = Instant::now();
    let keys: Vec<ApiKey> =
        (0..total).map(|i| a_key().owned_by(&format!("fill{}", i / 20)).build()).collect();
    let cands: Arc<Vec<Candidates>> =
        Arc::new(keys.iter().map(|k| Candidates::new(k.parts().digest, [])).collect());
    let keys = Arc::new(keys);
    rt.block_on(async {
        let hs: Vec<_> = (0..64)
            .map(|c| {
                let (s, k) = (store.clone(), keys.clone());
                tokio::spawn(async move {
                    let mut i = c;
                    while i < k.len() {
                        s.insert(&k[i], 1000).await.unwrap();
                        i += 64;
                    }
                })
            })
            .collect();
        for h in hs {
            h.await.unwrap();
        }
    });
    println!("fill {total} in {:?}", t.elapsed());
    for (name, pr) in [
        ("8M", "pragma cache_size=-8192"),
        ("8M+mmap", "pragma cache_size=-8192; pragma mmap_size=1073741824"),
    ] {
        let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        db.batch_execute(pr).unwrap();
        db.batch_execute("pragma query_only=on").unwrap();
        for span in [keys.len(), 1000] {
            for _ in 0..2 {
                let (t, c) = (Instant::now(), cpu());
                let n = 100_000;
                let mut x = 88172645463325252u64;
                for _ in 0..n {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    let k = &keys[(x as usize) % span];
                    let r: Option<(
                        Vec<u8>,
                        String,
                        String,
                        String,
                        String,
                        Vec<u8>,
                        i64,
                        i64,
                        i64,
                    )> = api_keys::table
                        .filter(api_keys::digest.eq(k.parts().digest.digest.as_bytes().as_slice()))
                        .first(&mut db)
                        .optional()
                        .unwrap();
                    assert!(r.is_some());
                }
                println!(
                    "{name} span {span} raw diesel read: {:.2} us wall, {:.2} us cpu",
                    t.elapsed().as_secs_f64() * 1e6 / n as f64,
                    (cpu() - c) * 1e6 / n as f64
                );
            }
        }
    }
    let p = std::fs::metadata(&path).unwrap().len();
    println!("db {} MiB", p >> 20);
    let t = Instant::now();
    println!("{:?} in_use {:?}", rt.block_on(store.in_use()).unwrap(), t.elapsed());
    let t = Instant::now();
    println!("{:?} count {:?}", rt.block_on(store.count_keys()).unwrap(), t.elapsed());
    let t = Instant::now();
    rt.block_on(store.close());
    println!("close {:?}", t.elapsed());
}
