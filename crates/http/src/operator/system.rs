use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use latchkey_dashboard::{Barrier, Instances};
use latchkey_domain::ChangeNumber;
use latchkey_domain::ports::{InstanceList, StoreError};
use serde::Serialize;

use super::Operating;
use crate::Http;
use crate::error::ApiError;

/// The instances on the store, and how the one that answers is doing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstancesBody {
    /// The last change.
    as_of: u64,
    instances: Vec<InstanceBody>,
    /// What is left of the lease of the instance that answers; null without one.
    lease_milliseconds: Option<u64>,
    barrier: BarrierBody,
}

#[derive(Debug, Serialize)]
struct InstanceBody {
    id: String,
    /// Whether it is the one that answers.
    own: bool,
    /// The last change that it has applied.
    applied: u64,
    heartbeats: u64,
}

/// How long changes that this instance was asked for waited for all instances, since it started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BarrierBody {
    passed: u64,
    by_lease: u64,
    mean_milliseconds: Option<u64>,
    slowest_below_milliseconds: Option<u64>,
}

/// How the instances are doing. A page asks every few seconds, and so sees who is alive.
pub(crate) async fn instances(
    http: Data<Http>,
    _operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let Instances { as_of, instances, own, lease, barrier } = seen(&http).await?;
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let instances = instances.iter().map(|it| InstanceBody {
        id: it.instance.0.to_string(),
        own: own == Some(it.instance),
        applied: it.applied.get(),
        heartbeats: it.heartbeats,
    });
    Ok(HttpResponse::Ok().json(InstancesBody {
        as_of: as_of.get(),
        instances: instances.collect(),
        lease_milliseconds: lease.map(millis),
        barrier: BarrierBody {
            passed: barrier.passed,
            by_lease: barrier.by_lease,
            mean_milliseconds: barrier.mean.map(millis),
            slowest_below_milliseconds: barrier.slowest_below.map(millis),
        },
    }))
}

/// The instances as this one sees them.
pub(super) async fn seen(http: &Http) -> Result<Instances, StoreError> {
    let status = http.services.verifier.status();
    let nobody = InstanceList { as_of: ChangeNumber::ZERO, instances: Vec::new() };
    let list = http.host.instances().await?.unwrap_or(nobody);
    let InstanceList { as_of, mut instances } = list;
    instances.sort_unstable_by_key(|it| it.instance);
    let barrier = http.services.verifier.barrier();
    let passed = barrier.passed();
    let count = passed.waited.count();
    let sum = passed.waited.sum();
    let mean = u32::try_from(count).ok().and_then(|count| sum.checked_div(count));
    let slowest = passed.waited.up_to().find(|(_, up_to)| count > 0 && *up_to == count);
    Ok(Instances {
        as_of,
        instances,
        own: status.instance,
        lease: status.lease_left,
        barrier: Barrier {
            passed: count,
            by_lease: passed.by_time.load(Ordering::Relaxed),
            mean,
            slowest_below: slowest.map(|(end, _)| end),
        },
    })
}
