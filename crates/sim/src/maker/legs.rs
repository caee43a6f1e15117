//! What a careful maker looks at before he discloses (end of `protocol.md` section 12). Everything
//! the resolver says is derived or read again.

use super::{Maker, Offer, offer};
use crate::{SimError, rpc::Methods};
use alloy::primitives::{Address, Bytes, U256};
use bmn_chain::{CallOutcome, CallRequest, TxReceipt};
use bmn_contracts::{
    EscrowImplementations, FillFee, PublicAction, bmn_factory_timelocks, calldata,
    destination_escrow, public_action_digest, recover_permission_signer, source_escrow,
};
use bmn_primitives::{AddressWord, ChainId, Hashlock, Immutables, OrderHash, Stage, Timelocks};
use bmn_rpc_api::{RpcErrorCode, Swap, WireImmutables, WireInclusion, WithdrawPermission};
use bmn_swap::{DestinationFacts, Expected, check_destination};

/// What he found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Both legs stand, confirmed, and he could withdraw alone where the dialect lets makers.
    Good(Option<Box<Permit>>),
    /// Something is not there yet.
    NotYet,
    /// Something is wrong: he will not disclose.
    Wrong(String),
}

/// A permission that the destination chain would accept, and where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permit {
    pub(super) escrow: Address,
    pub(super) immutables: Immutables,
    pub(super) signature: Bytes,
}

/// Immutables as they were hashed.
fn read_immutables(wire: &WireImmutables) -> Immutables {
    Immutables {
        order_hash: OrderHash(wire.order_hash),
        hashlock: Hashlock(wire.hashlock),
        maker: AddressWord(wire.maker.into()),
        taker: AddressWord(wire.taker.into()),
        token: AddressWord(wire.token.into()),
        amount: wire.amount.0,
        safety_deposit: wire.safety_deposit.0,
        timelocks: Timelocks(wire.timelocks.into()),
        parameters: wire.parameters.clone(),
    }
}

/// An escrow that a swap had, and what it was made of.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) chain: ChainId,
    pub(crate) escrow: Address,
    pub(crate) immutables: Immutables,
}

impl Maker {
    /// The escrows of his swap, as far as their addresses follow from what the resolver says of them.
    pub(crate) fn made(&self) -> Vec<Made> {
        let Some(swap) = &self.view else { return Vec::new() };
        let dialect = self.spec.dialect;
        let mut made = Vec::new();
        if let Some((leg, stated)) =
            swap.source.as_ref().and_then(|leg| Some((leg, leg.immutables.as_ref()?)))
        {
            let factory = self.source.factory(dialect).address;
            let implementations = EscrowImplementations::for_factory(dialect, factory);
            let immutables = read_immutables(stated);
            if source_escrow(dialect, factory, &implementations, &immutables) == leg.escrow {
                made.push(Made { chain: self.source.id(), escrow: leg.escrow, immutables });
            }
        }
        if let Some((leg, planned)) = swap.destination.as_ref().zip(swap.planned.as_ref()) {
            let factory = self.destination.factory(dialect).address;
            let implementations = EscrowImplementations::for_factory(dialect, factory);
            let immutables = read_immutables(&planned.immutables);
            if destination_escrow(dialect, factory, &implementations, &immutables) == leg.escrow {
                made.push(Made { chain: self.destination.id(), escrow: leg.escrow, immutables });
            }
        }
        made
    }

    /// Looks at both legs and at the permission.
    pub(super) async fn look_at_legs(
        &self,
        methods: Methods<'_>,
        id: &str,
    ) -> Result<Finding, SimError> {
        let Some(swap) = &self.view else { return Ok(Finding::NotYet) };
        let (Some(source), Some(destination), Some(planned)) =
            (&swap.source, &swap.destination, &swap.planned)
        else {
            return Ok(Finding::NotYet);
        };
        if source.end.is_some() || destination.end.is_some() {
            return Ok(Finding::NotYet);
        }
        let Some(_) = self.own_receipt(true, &source.created).await? else {
            return Ok(Finding::NotYet);
        };
        let Some(creation) = self.own_receipt(false, &destination.created).await? else {
            return Ok(Finding::NotYet);
        };
        let immutables = read_immutables(&planned.immutables);
        let wrong = self.source_flaw(swap).or(self
            .destination_flaw(&immutables, destination.escrow, creation.block.time)
            .await?);
        if let Some(flaw) = wrong {
            return Ok(Finding::Wrong(flaw));
        }
        if !self.spec.dialect.names_fills() {
            return Ok(Finding::Good(None));
        }
        match methods.permission(id).await? {
            Ok(permission) => self.judge_permission(immutables, permission).await,
            Err(failure) if failure.is(RpcErrorCode::NoPermission) => {
                Ok(Finding::Wrong("the resolver gives no permission".to_owned()))
            }
            Err(_) => Ok(Finding::NotYet),
        }
    }

    /// The receipt from his own node, once it is confirmed there.
    async fn own_receipt(
        &self,
        source: bool,
        at: &WireInclusion,
    ) -> Result<Option<TxReceipt>, SimError> {
        let node = if source { &self.source } else { &self.destination };
        let head = node.client.head().await?.number;
        let receipt = node.client.receipt(at.tx_hash).await?;
        Ok(receipt.filter(|receipt| {
            receipt.success
                && receipt.block.hash == at.block.hash
                && receipt.block.confirmations(head) >= node.spec.confirmations
        }))
    }

    fn source_flaw(&self, swap: &Swap) -> Option<String> {
        let source = swap.source.as_ref()?;
        let immutables = match &source.immutables {
            Some(stated) => read_immutables(stated),
            None => match self.source_from_order(swap) {
                Some(immutables) => immutables,
                None => return Some("the source escrow's immutables are unknown".to_owned()),
            },
        };
        let dialect = self.spec.dialect;
        let factory = self.source.factory(dialect).address;
        let implementations = EscrowImplementations::for_factory(dialect, factory);
        let derived = source_escrow(dialect, factory, &implementations, &immutables);
        [
            ("escrow address", derived == source.escrow),
            ("orderHash", Some(immutables.order_hash) == self.order_hash()),
            ("hashlock", immutables.hashlock == self.hashlock),
            ("maker", immutables.maker == AddressWord::from(self.address())),
            ("token", immutables.token == AddressWord::from(self.amounts.source_token)),
            ("amount", immutables.amount == self.amounts.source),
        ]
        .into_iter()
        .find(|(_, good)| !good)
        .map(|(field, _)| format!("the source escrow has a wrong {field}"))
    }

    /// What a source is bound to whose factory does not say so: his order, the time of the fill's block
    /// and a taker. Its address commits to all of it.
    fn source_from_order(&self, swap: &Swap) -> Option<Immutables> {
        let Some(Offer::Signed(signed)) = &self.offer else { return None };
        let (source, planned) = (swap.source.as_ref()?, swap.planned.as_ref()?);
        let (cancellation, withdrawal) = signed.times;
        let time = source.created.block.time;
        Some(Immutables {
            order_hash: signed.id.hash,
            hashlock: self.hashlock,
            maker: signed.order.maker,
            taker: AddressWord(planned.immutables.taker.into()),
            token: signed.order.maker_asset,
            amount: self.amounts.source,
            safety_deposit: U256::ZERO,
            timelocks: bmn_factory_timelocks(time, cancellation, withdrawal).ok()?,
            parameters: Bytes::new(),
        })
    }

    fn order_hash(&self) -> Option<OrderHash> {
        Some(match self.offer.as_ref()? {
            Offer::Signed(signed) => signed.id.hash,
            Offer::Direct(direct) => direct.id.hash,
        })
    }

    // Offsets count from the creation, and are compared as they were signed.
    fn ordered_withdrawal(&self, immutables: &Immutables, created_at: u64) -> u64 {
        if !self.spec.dialect.has_absolute_times() {
            let offset = immutables.timelocks.offset(Stage::DstWithdrawal);
            return created_at + u64::from(offset);
        }
        match &self.offer {
            Some(Offer::Signed(signed)) => signed.times.1,
            Some(Offer::Direct(direct)) => direct.immutables.timelocks.at(Stage::DstWithdrawal),
            None => 0,
        }
    }

    /// Seconds he needs to get a transaction of his own mined on the destination chain.
    pub(super) const fn own_inclusion(&self) -> u64 {
        self.destination.spec.inclusion_blocks * self.destination.spec.block_time_secs
    }

    async fn destination_flaw(
        &self,
        immutables: &Immutables,
        escrow: Address,
        created_at: u64,
    ) -> Result<Option<String>, SimError> {
        let dialect = self.spec.dialect;
        let factory = self.destination.factory(dialect).address;
        let token = self.amounts.destination_token;
        let native_balance = self.destination.balance_of(Address::ZERO, escrow).await?;
        let token_balance = if token.is_zero() {
            native_balance.saturating_sub(immutables.safety_deposit)
        } else {
            self.destination.balance_of(token, escrow).await?
        };
        let facts = DestinationFacts {
            chain: self.destination.id(),
            factory,
            dialect,
            implementations: EscrowImplementations::for_factory(dialect, factory),
            escrow,
            immutables: immutables.clone(),
            created_at,
            token_balance,
            native_balance,
        };
        let Some(order_hash) = self.order_hash() else { return Ok(None) };
        let expected = Expected {
            order_hash,
            hashlock: self.hashlock,
            beneficiary: self.address(),
            token,
            amount: self.amounts.destination,
            dst_withdrawal: self.ordered_withdrawal(immutables, created_at),
            margin: self.own_inclusion(),
        };
        let mut flaws = check_destination(&facts, &expected);
        flaws.extend(self.signed_flaws(immutables, created_at));
        if self.destination.client.code(escrow).await?.is_empty() {
            flaws.push("code");
        }
        let list = flaws.join(", ");
        Ok((!flaws.is_empty()).then(|| format!("the destination escrow has a wrong {list}")))
    }

    // What the source's factory made of his order must be in the destination unchanged.
    fn signed_flaws(&self, immutables: &Immutables, created_at: u64) -> Vec<&'static str> {
        let Some(Offer::Signed(signed)) = &self.offer else { return Vec::new() };
        if self.spec.dialect.has_absolute_times() {
            return Vec::new();
        }
        let fees = offer::fees(self.spec.dialect, self.amounts.destination);
        let parameters = match signed.fill_terms.as_ref().map(|terms| &terms.fee) {
            Some(FillFee::Destination(_)) => fees.parameters(),
            _ => Bytes::new(),
        };
        let locks = immutables.timelocks;
        [
            ("timelocks", locks.offsets() == signed.offsets.offsets()),
            ("deployedAt", locks.deployed_at() == created_at),
            ("parameters", immutables.parameters == parameters),
        ]
        .into_iter()
        .filter(|(_, good)| !good)
        .map(|(field, _)| field)
        .collect()
    }

    async fn judge_permission(
        &self,
        immutables: Immutables,
        permission: WithdrawPermission,
    ) -> Result<Finding, SimError> {
        let wrong = |what: &str| Ok(Finding::Wrong(format!("the permission has a wrong {what}")));
        let locks = immutables.timelocks;
        let dialect = self.spec.dialect;
        let factory = self.destination.factory(dialect);
        let implementations = EscrowImplementations::for_factory(dialect, factory.address);
        let escrow = destination_escrow(dialect, factory.address, &implementations, &immutables);
        if permission.escrow != escrow {
            return wrong("escrow");
        }
        if permission.caller != self.address() {
            return wrong("caller");
        }
        let digest = public_action_digest(
            self.destination.id(),
            escrow,
            immutables.order_hash,
            self.address(),
            PublicAction::DstPublicWithdraw,
        );
        let Ok(signer) = recover_permission_signer(digest, &permission.signature) else {
            return wrong("signature");
        };
        let listed = calldata::is_whitelisted_resolver(signer);
        if self.destination.read_word(factory.address, listed).await?.is_zero() {
            return wrong("signer: it is not whitelisted");
        }
        let permit = Permit { escrow, immutables, signature: permission.signature };
        let opens = locks.at(Stage::DstPublicWithdrawal);
        let next = self.destination.chain.pending_time();
        if !self.would_pass(&permit, opens.max(next)).await? {
            return wrong("effect: the chain would not accept it");
        }
        Ok(Finding::Good(Some(Box::new(permit))))
    }

    /// Whether his own withdrawal would pass in a block with this time. The secret goes to his own
    /// node alone.
    pub(super) async fn would_pass(&self, permit: &Permit, time: u64) -> Result<bool, SimError> {
        let call = CallRequest {
            from: self.address(),
            to: permit.escrow,
            value: U256::ZERO,
            data: calldata::public_withdraw_signed(
                self.spec.dialect,
                &self.secret,
                &permit.immutables,
                permit.signature.clone(),
            ),
            time: Some(time),
        };
        let outcome = self.destination.client.call(&call).await?;
        Ok(matches!(outcome, CallOutcome::Success(_)))
    }
}
