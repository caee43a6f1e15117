//! Which new orders are taken, changed while the node runs. Open ones are never asked about.

use crate::{NodeError, Resolver, ResolverHandle};
use bmn_primitives::ErrorClass;
use bmn_rpc::{IntakeError, ModeChange, Operations};
use bmn_store::{DecisionReads, Store, StoreError};
use bmn_swap::{Mode, Modes};

impl Resolver {
    /// Sets the mode of a node that never had one. Afterwards the stored one counts, which an operator
    /// may have changed since.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn begin_in(&self, mode: Mode) -> Result<(), NodeError> {
        let mut tx = self.shared.store.write()?;
        if tx.has_modes()? {
            return Ok(());
        }
        tx.set_modes(&Modes { mode, ..Modes::default() })?;
        tx.commit()?;
        Ok(())
    }
}

/// Makes a change durable; the modes after it.
fn change(store: &Store, change: ModeChange) -> Result<Modes, StoreError> {
    let mut tx = store.write()?;
    let modes = change.apply(tx.modes()?);
    tx.set_modes(&modes)?;
    tx.commit()?;
    Ok(modes)
}

impl Operations for ResolverHandle {
    fn change_modes(&self, asked: ModeChange) -> Result<Modes, IntakeError> {
        let modes = change(&self.0.store, asked).map_err(|error| match error.class() {
            ErrorClass::Transient => IntakeError::Unavailable(error.to_string()),
            _ => IntakeError::Internal(error.to_string()),
        })?;
        let switches: Vec<_> = modes.switches.iter().map(ToString::to_string).collect();
        tracing::warn!(
            target: "bmn::node", mode = %modes.mode, ?switches, "which new orders are taken was changed"
        );
        Ok(modes)
    }
}
