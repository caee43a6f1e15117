//! When and how a maker gives his secret away.

use super::{Maker, legs::Finding};
use crate::{
    SimError,
    accounts::derive,
    rpc::{Methods, ResolverRpc, RpcFailure},
    wallet::Payload,
};
use bmn_contracts::calldata;
use bmn_primitives::{Secret, Stage};
use bmn_rpc_api::{RpcErrorCode, SwapStatus};

/// Time between a late disclosure and the last safe moment, seconds.
const LATE_MARGIN: u64 = 40;
const WITHDRAW_GAS: u64 = 250_000;

impl Maker {
    /// Discloses once both legs stand and he holds a permission the chain would accept.
    pub(super) async fn disclose_when_safe(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        if self.disclosed || !self.has_status(&[SwapStatus::BothLocked]) {
            return Ok(false);
        }
        match self.look_at_legs(Methods(rpc), id).await? {
            Finding::Good(_) => self.disclose(rpc, id).await,
            Finding::NotYet => Ok(false),
            Finding::Wrong(flaw) => {
                self.complain(flaw);
                Ok(false)
            }
        }
    }

    async fn disclose(&mut self, rpc: &dyn ResolverRpc, id: &str) -> Result<bool, SimError> {
        match Methods(rpc).submit_secret(&self.secret, id).await? {
            Ok(_) => {
                self.disclosed = true;
                Ok(true)
            }
            Err(RpcFailure::Gone) => Ok(false),
            Err(failure) => {
                self.put_off(&failure);
                Ok(false)
            }
        }
    }

    /// Two secrets that open nothing, each of which must be turned down; then the right one.
    pub(super) async fn try_wrong_secrets(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        if !self.has_status(&[SwapStatus::BothLocked]) {
            return Ok(false);
        }
        while self.wrong_secrets_left > 0 {
            let attempt = u32::from(self.wrong_secrets_left);
            let bytes =
                derive("bmn dev wrong secret", self.seed, self.spec.index ^ (attempt << 24));
            match Methods(rpc).submit_secret(&Secret::new(bytes.0), id).await? {
                Err(RpcFailure::Gone) => return Ok(false),
                Err(failure) if failure.is(RpcErrorCode::UnknownHashlock) => {}
                Err(failure) => self.put_off(&failure),
                Ok(_) => self.complain("the resolver took a wrong secret".to_owned()),
            }
            self.wrong_secrets_left -= 1;
        }
        self.disclose_when_safe(rpc, id).await
    }

    /// First second at which the destination can be cancelled.
    fn destination_cancellation(&self) -> Option<u64> {
        Some(self.view.as_ref()?.planned.as_ref()?.windows.cancel.start)
    }

    fn destination_time(&self) -> u64 {
        self.heads[1].map_or(0, |head| head.time)
    }

    pub(super) async fn disclose_late(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        let Some(cancellation) = self.destination_cancellation() else { return Ok(false) };
        let from = cancellation.saturating_sub(self.own_inclusion() + LATE_MARGIN);
        if self.destination_time() < from {
            return Ok(false);
        }
        self.disclose_when_safe(rpc, id).await
    }

    /// When a withdrawal sent now might be mined after the window.
    pub(super) async fn disclose_too_late(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        let Some(cancellation) = self.destination_cancellation() else { return Ok(false) };
        let next = self.destination_time() + self.destination.spec.block_time_secs;
        let last_safe = cancellation.saturating_sub(self.own_inclusion());
        let late = next > last_safe && self.has_status(&[SwapStatus::BothLocked]);
        if self.disclosed || !late {
            return Ok(false);
        }
        self.disclose(rpc, id).await
    }

    /// Once the resolver has its tokens back, the source must not be taken with the secret.
    pub(super) async fn disclose_after_refund(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        let refunded = self.has_status(&[SwapStatus::DestinationRefunded, SwapStatus::Cancelled]);
        if self.disclosed || !refunded {
            return Ok(false);
        }
        self.disclose(rpc, id).await
    }

    /// True when no withdrawal of his is on its way. A reorg can move one to a block before the
    /// window, where it fails for good: once that is confirmed he sends another.
    fn may_withdraw(&self) -> Result<bool, SimError> {
        let Some(last) = self.sent[1].last() else { return Ok(true) };
        let Some(receipt) = self.destination.chain.receipt(last.hash)? else { return Ok(false) };
        let head = self.destination.chain.head().number;
        let confirmed = receipt.block.confirmations(head) >= self.destination.spec.confirmations;
        Ok(!receipt.success && confirmed)
    }

    /// Withdraws in the public window with the resolver's permission and tells the resolver nothing.
    pub(super) async fn withdraw_alone(
        &mut self,
        rpc: &dyn ResolverRpc,
        id: &str,
    ) -> Result<bool, SimError> {
        let waiting = [SwapStatus::BothLocked, SwapStatus::SecretKnown];
        if !self.may_withdraw()? || !self.has_status(&waiting) {
            return Ok(false);
        }
        let permit = match self.look_at_legs(Methods(rpc), id).await? {
            Finding::Good(Some(permit)) => permit,
            Finding::Good(None) | Finding::NotYet => return Ok(false),
            Finding::Wrong(flaw) => {
                self.complain(flaw);
                return Ok(false);
            }
        };
        let next = self.destination.chain.pending_time();
        let opens = permit.immutables.timelocks.at(Stage::DstPublicWithdrawal);
        if next < opens || !self.would_pass(&permit, next).await? {
            return Ok(false);
        }
        let data = calldata::public_withdraw_signed(
            self.spec.dialect,
            &self.secret,
            &permit.immutables,
            permit.signature.clone(),
        );
        let payload = Payload::call(permit.escrow, data, WITHDRAW_GAS);
        let sent = self.destination_wallet.send(payload).await?;
        self.sent[1].push(sent);
        Ok(true)
    }
}
