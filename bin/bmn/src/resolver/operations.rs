//! The operations port of a node.

use crate::failure::Failure;
use bmn_config::NodeConfig;
use bmn_launch::access;
use bmn_node::Resolver;
use bmn_operations::{Limits, Operator, Parts, Port, Recorder};
use bmn_rpc::AuditLog;
use std::{net::SocketAddr, sync::Arc};

/// Has the process count from now on. None, and nothing is counted, where it already does so elsewhere.
pub(crate) fn recorder() -> Option<Recorder> {
    let installed = Recorder::install();
    let refused = |error| tracing::warn!(target: "bmn::operations", %error, "nothing is counted");
    installed.map_err(refused).ok()
}

/// Opens the port. `audit` is the log of the operator's listener, where there is one.
pub(super) async fn open(
    resolver: &Resolver,
    config: &NodeConfig,
    address: SocketAddr,
    recorder: Option<Recorder>,
    audit: Option<Arc<AuditLog>>,
) -> Result<Port, Failure> {
    let parts = Parts {
        rpc: resolver.handlers(),
        operator: operator(resolver, config, audit)?,
        hosts: config.access.hosts.clone(),
        recorder,
        limits: Limits::default(),
    };
    bmn_operations::open(address, parts).await.map_err(|error| Failure::Usage(error.to_string()))
}

/// Who may change something: those who have the key, where the configuration asks for one.
fn operator(
    resolver: &Resolver,
    config: &NodeConfig,
    audit: Option<Arc<AuditLog>>,
) -> Result<Option<Operator>, Failure> {
    if config.access.admin_rpc.is_none() && config.access.jwt_secret.is_none() {
        return Ok(None);
    }
    let key = access::jwt_key_or_new(&access::jwt_file(config))?;
    // One log has one writer: two would each begin the file anew when they think that it is full.
    let audit = match audit {
        Some(audit) => audit,
        None => Arc::new(access::audit_log(config)?),
    };
    Ok(Some(Operator::new(key, resolver.admin_module(), &audit)))
}
