//! Numbers of the node for whoever measures it, from one snapshot.

use crate::{BmnRpc, RpcError, health, operator, snapshot::Snapshot, view};
use bmn_rpc_api::{Health, NodeModes, NodeStatus};
use bmn_store::Mode;
use std::time::Duration;

/// How far the index of a chain may be trusted, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexMode {
    /// No block of it is indexed.
    NotBegun,
    /// Block by block.
    Live,
    /// Far behind, taken in bulk.
    Backfilling,
    /// Its rows are being removed.
    Clearing,
    /// Indexed again from its start.
    Rebuilding,
    /// Orders are derived from it again.
    Deriving,
}

impl IndexMode {
    /// Every mode.
    pub const ALL: [Self; 6] = [
        Self::NotBegun,
        Self::Live,
        Self::Backfilling,
        Self::Clearing,
        Self::Rebuilding,
        Self::Deriving,
    ];

    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "notBegun",
            Self::Live => "live",
            Self::Backfilling => "backfilling",
            Self::Clearing => "clearing",
            Self::Rebuilding => "rebuilding",
            Self::Deriving => "deriving",
        }
    }
}

/// Everything that is measured and follows from the store, and what the node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    /// As `bmn_status` answers it.
    pub status: NodeStatus,
    /// As `bmn_getMode` answers it.
    pub modes: NodeModes,
    /// As `bmn_health` answers it.
    pub health: Health,
    /// Chains by id, in the order of `status.chains`.
    pub index: Vec<(u64, IndexMode)>,
}

impl BmnRpc {
    /// What is measured now.
    ///
    /// # Errors
    /// [`RpcError`]: the store failed.
    pub async fn measures(&self) -> Result<Measures, RpcError> {
        let node = self.view();
        let begun = node.uptime();
        let asked = self.view();
        let (status, modes, index, read) = self
            .looked(move |snapshot| {
                let status = view::status(snapshot, asked.as_ref())?;
                let index = index(snapshot, &status)?;
                let modes = operator::modes(snapshot)?;
                Ok((status, modes, index, health::Read::of(snapshot)?))
            })
            .await?;
        let took: Duration = node.uptime().saturating_sub(begun);
        let health = health::judge(Some(&read), took, node.as_ref(), self.looks());
        Ok(Measures { status, modes, health, index })
    }
}

fn index(snapshot: &Snapshot, status: &NodeStatus) -> Result<Vec<(u64, IndexMode)>, RpcError> {
    let cursors = snapshot.cursors()?;
    let mode = |chain: u64| {
        let cursor = cursors.iter().find(|(id, _)| id.0 == chain).map(|(_, cursor)| cursor);
        match cursor.filter(|cursor| cursor.tip.is_some()).map(|cursor| cursor.mode) {
            None => IndexMode::NotBegun,
            Some(Mode::Live) => IndexMode::Live,
            Some(Mode::Backfilling) => IndexMode::Backfilling,
            Some(Mode::Clearing(_)) => IndexMode::Clearing,
            Some(Mode::Rebuilding(_)) => IndexMode::Rebuilding,
            Some(Mode::Deriving(_)) => IndexMode::Deriving,
        }
    };
    Ok(status.chains.iter().map(|chain| (chain.id, mode(chain.id))).collect())
}
