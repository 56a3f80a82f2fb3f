use std::sync::Arc;

use latchkey_accounts::{Account, Email};
use latchkey_domain::{Network, Timestamp};

use super::AllPorts;
use super::steps::{concurrently, registered};
use crate::fixtures::{an_account, moment};

pub async fn a_network_is_known_to_the_account_that_signed_in_from_there(ports: &AllPorts) {
    let (ada, bob) = (registered(ports, an_account()).await, registered(ports, an_account()).await);
    for (account, from) in [(&ada, "192.0.2.1"), (&ada, "2001:db8:1:2::3"), (&bob, "192.0.2.2")] {
        signed_in(ports, account, from, 0).await;
    }
    for (account, from, want) in [
        (&ada, "192.0.2.1", true),
        (&ada, "::ffff:192.0.2.1", true),
        (&ada, "192.0.2.2", false),
        (&ada, "2001:db8:1:2:ffff::", true),
        (&ada, "2001:db8:1:3::3", false),
        (&bob, "192.0.2.1", false),
        (&bob, "192.0.2.2", true),
    ] {
        assert_eq!(knows(ports, account, from, 0).await, want, "{from}");
    }
    let nobody = Email::parse("nobody@example.com").expect("an address");
    let known = ports.networks.knows(&nobody, network("192.0.2.1"), moment(0)).await;
    assert!(!known.expect("the store answers"));
}

pub async fn a_network_is_known_since_the_latest_sign_in(ports: &AllPorts) {
    let ada = registered(ports, an_account()).await;
    for (at, latest) in [(5, 5), (3, 5), (5, 5), (9, 9), (-1, 9)] {
        signed_in(ports, &ada, "192.0.2.1", at).await;
        assert!(knows(ports, &ada, "192.0.2.1", latest).await);
        assert!(!knows(ports, &ada, "192.0.2.1", latest + 1).await);
    }
}

pub async fn of_concurrent_sign_ins_from_a_network_the_latest_counts(ports: &AllPorts) {
    let ada = registered(ports, an_account()).await;
    let answers = concurrently((0..20).map(|at| {
        let (networks, id) = (Arc::clone(&ports.networks), ada.parts().id);
        async move { networks.record(id, network("192.0.2.1"), moment(at)).await }
    }));
    for answer in answers.await {
        answer.expect("the store answers");
    }
    assert!(knows(ports, &ada, "192.0.2.1", 19).await);
    assert!(!knows(ports, &ada, "192.0.2.1", 20).await);
}

pub async fn networks_are_forgotten_by_their_latest_sign_in(ports: &AllPorts) {
    let ada = registered(ports, an_account()).await;
    for (from, at) in [("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.3", 1), ("192.0.2.3", 3)] {
        signed_in(ports, &ada, from, at).await;
    }
    ports.networks.purge(moment(2)).await.expect("the store answers");
    for (from, want) in [("192.0.2.1", false), ("192.0.2.2", true), ("192.0.2.3", true)] {
        assert_eq!(knows(ports, &ada, from, 0).await, want, "{from}");
    }
    ports.networks.purge(Timestamp::MIN).await.expect("the store answers");
    assert!(knows(ports, &ada, "192.0.2.2", 0).await);
}

pub async fn the_networks_of_an_account_are_told_the_last_one_first(ports: &AllPorts) {
    let (ada, bob) = (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let addresses = [(&ada, "192.0.2.1", 1), (&ada, "2001:db8:1:2::3", 3), (&bob, "192.0.2.2", 2)];
    for (account, from, at) in addresses {
        signed_in(ports, account, from, at).await;
    }
    let got = ports.networks.networks_of(ada.parts().id).await.expect("the store answers");
    let want = [("2001:db8:1:2::", 3), ("192.0.2.1", 1)];
    assert_eq!(got, want.map(|(from, at)| (network(from), moment(at))));
}

fn network(address: &str) -> Network {
    Network::of(address.parse().expect("an address"))
}

async fn signed_in(ports: &AllPorts, account: &Account, from: &str, at: i64) {
    let recorded = ports.networks.record(account.parts().id, network(from), moment(at)).await;
    recorded.expect("the store answers");
}

async fn knows(ports: &AllPorts, account: &Account, from: &str, since: i64) -> bool {
    let known = ports.networks.knows(&account.parts().email, network(from), moment(since)).await;
    known.expect("the store answers")
}
