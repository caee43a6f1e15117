//! Where a node answers: to everybody, and to its operator.

use super::operations;
use crate::failure::Failure;
use bmn_config::{CorsOrigins, NodeConfig, RpcLimits};
use bmn_launch::access;
use bmn_node::Resolver;
use bmn_operations::Port;
use bmn_rpc::{
    AuditLog, ClientLimits, Entrance, Monotonic, Origins, ServeError, ServeLimits, serve_behind,
};
use bmn_supervisor::Failure as Unanswering;
use jsonrpsee::{RpcModule, server::ServerHandle};
use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// The servers of a node.
pub(super) struct Listeners {
    /// Where the public methods are.
    pub(super) public: SocketAddr,
    /// Where the operator's are as well, and the file with their key.
    pub(super) admin: Option<(SocketAddr, PathBuf)>,
    /// Health, metrics and the REST interface.
    pub(super) operations: Option<Port>,
    audit: Option<Arc<AuditLog>>,
    /// What answers there, to be kept running.
    pub(super) faces: Vec<Face>,
}

/// A server that is bound again at its address should it ever end by itself.
pub(super) struct Face {
    pub(super) name: &'static str,
    module: RpcModule<()>,
    address: SocketAddr,
    limits: ServeLimits,
    entrance: Entrance,
    /// The first one, which was there before anything else was begun.
    first: Mutex<Option<ServerHandle>>,
}

impl Face {
    async fn open(
        name: &'static str,
        module: RpcModule<()>,
        address: SocketAddr,
        limits: ServeLimits,
        entrance: Entrance,
    ) -> Result<Self, Failure> {
        let (handle, address) = listen(module.clone(), address, &limits, entrance.clone())
            .await
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self { name, module, address, limits, entrance, first: Mutex::new(Some(handle)) })
    }

    /// Answers until `stop`; ends once what was being answered is answered, or the time for it is over.
    pub(super) async fn run(&self, stop: CancellationToken) -> Result<(), Unanswering> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let handle = match first {
            Some(handle) => handle,
            None => {
                let (module, entrance) = (self.module.clone(), self.entrance.clone());
                listen(module, self.address, &self.limits, entrance).await.map_err(transient)?.0
            }
        };
        tokio::select! {
            () = stop.cancelled() => {
                let _ = handle.stop();
                handle.stopped().await;
                Ok(())
            }
            () = handle.clone().stopped() => Err(transient("nothing listens any more")),
        }
    }
}

fn transient(reason: impl std::fmt::Display) -> Unanswering {
    Unanswering::transient(reason)
}

impl Listeners {
    /// Begins to answer.
    pub(super) async fn open(resolver: &Resolver, config: &NodeConfig) -> Result<Self, Failure> {
        // Before the first connection, which is counted.
        let recorder = config.operations.and_then(|_| operations::recorder());
        let limits = limits(config.access.limits);
        let entrance = Entrance {
            origins: origins(&config.access.cors),
            hosts: config.access.hosts.clone(),
            key: None,
        };
        let face = Face::open("rpc", resolver.rpc_module(), config.rpc, limits, entrance).await?;
        let public = face.address;
        let mut listeners =
            Self { public, admin: None, operations: None, audit: None, faces: vec![face] };
        if let Some(address) = config.access.admin_rpc {
            listeners.open_admin(resolver, config, address).await?;
        }
        if let Some(address) = config.operations {
            let audit = listeners.audit.clone();
            let port = operations::open(resolver, config, address, recorder, audit).await?;
            listeners.operations = Some(port);
        }
        Ok(listeners)
    }

    async fn open_admin(
        &mut self,
        resolver: &Resolver,
        config: &NodeConfig,
        address: SocketAddr,
    ) -> Result<(), Failure> {
        let file = access::jwt_file(config);
        let key = Some(access::jwt_key_or_new(&file)?);
        let audit = Arc::new(access::audit_log(config)?);
        self.audit = Some(Arc::clone(&audit));
        let mut module = resolver.rpc_module();
        let merged = module.merge(resolver.private_module(&audit));
        merged.map_err(|error| Failure::Run(eyre::Report::new(error)))?;
        // Whoever has the key may ask as often as he likes.
        let limits = ServeLimits { client: None, ..limits(config.access.limits) };
        // The key is what guards it: a page of a stranger has no token, whatever name it asks by.
        let entrance = Entrance { hosts: vec!["*".to_owned()], key, ..Entrance::default() };
        let face = Face::open("adminRpc", module, address, limits, entrance).await?;
        self.admin = Some((face.address, file));
        self.faces.push(face);
        Ok(())
    }

    /// What there is to know about where the operator's methods are.
    pub(super) fn warning(&self) -> Option<String> {
        let (address, _) = self.admin.as_ref()?;
        in_the_clear(*address)
    }

    /// Ends the operations port, once what was being answered is answered.
    pub(super) async fn stop(self) {
        if let Some(port) = self.operations {
            port.stop().await;
        }
    }
}

/// A warning where others may read along.
fn in_the_clear(address: SocketAddr) -> Option<String> {
    (!address.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "admin_rpc listens on {address} without TLS: whoever sees what passes reads the answers and can use a \
             token for a minute. Listen on 127.0.0.1, behind a proxy with TLS."
        )
    })
}

async fn listen(
    module: RpcModule<()>,
    address: SocketAddr,
    limits: &ServeLimits,
    entrance: Entrance,
) -> Result<(ServerHandle, SocketAddr), ServeError> {
    serve_behind(module, address, limits, entrance, Monotonic::default()).await
}

fn limits(limits: RpcLimits) -> ServeLimits {
    let count = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let client = NonZeroU32::new(limits.requests_per_second).map(|per_second| ClientLimits {
        per_second,
        burst: count(limits.burst),
        concurrent: count(limits.concurrent),
        connections: count(limits.client_connections),
    });
    ServeLimits {
        client,
        connections: limits.connections,
        request_time: Duration::from_secs(limits.request_secs.into()),
        ..ServeLimits::default()
    }
}

fn origins(cors: &CorsOrigins) -> Origins {
    match cors {
        CorsOrigins::None => Origins::Own,
        CorsOrigins::Listed(listed) => Origins::Listed(listed.clone()),
        CorsOrigins::Any => Origins::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_server() {
        assert_eq!(limits(RpcLimits::default()), ServeLimits::default());
        let none = RpcLimits { requests_per_second: 0, ..RpcLimits::default() };
        assert_eq!(limits(none).client, None);
    }

    #[test]
    fn an_operators_listener_that_others_can_reach_is_warned_of() {
        for (address, is_warned) in [
            ("127.0.0.1:8548", false),
            ("[::1]:8548", false),
            ("[::ffff:127.0.0.1]:8548", false),
            ("0.0.0.0:8548", true),
            ("192.0.2.1:8548", true),
            ("[::]:8548", true),
        ] {
            assert_eq!(in_the_clear(address.parse().unwrap()).is_some(), is_warned, "{address}");
        }
    }
}
