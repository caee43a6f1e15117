//! What a careful maker looks at before he discloses (end of `protocol.md` section 12). Everything
//! the resolver says is derived or read again.

use super::{DIALECT, Maker, Offer};
use crate::{SimError, rpc::Methods};
use alloy::primitives::{Address, Bytes, U256};
use bmn_chain::{CallOutcome, CallRequest, TxReceipt};
use bmn_contracts::{
    EscrowImplementations, PublicAction, calldata, public_action_digest, recover_permission_signer,
    source_escrow,
};
use bmn_primitives::{AddressWord, Hashlock, Immutables, OrderHash, Stage, Timelocks};
use bmn_rpc_api::{RpcErrorCode, Swap, WireImmutables, WireInclusion, WithdrawPermission};
use bmn_swap::{DestinationFacts, Expected, check_destination};

/// What he found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Both legs stand, confirmed, and he could withdraw alone.
    Good(Box<Permit>),
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

impl Maker {
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
        let Some(stated) = &source.immutables else {
            return Some("the source escrow's immutables are unknown".to_owned());
        };
        let immutables = read_immutables(stated);
        let factory = self.source.factory().address;
        let implementations = EscrowImplementations::for_factory(DIALECT, factory);
        let derived = source_escrow(DIALECT, factory, &implementations, &immutables);
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

    fn order_hash(&self) -> Option<OrderHash> {
        Some(match self.offer.as_ref()? {
            Offer::Signed(signed) => signed.id.hash,
            Offer::Direct(direct) => direct.id.hash,
        })
    }

    fn ordered_withdrawal(&self) -> u64 {
        match &self.offer {
            Some(Offer::Signed(signed)) => signed.dst_withdrawal,
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
        let factory = self.destination.factory().address;
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
            dialect: DIALECT,
            implementations: EscrowImplementations::for_factory(DIALECT, factory),
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
            dst_withdrawal: self.ordered_withdrawal(),
            margin: self.own_inclusion(),
        };
        let mut flaws = check_destination(&facts, &expected);
        if self.destination.client.code(escrow).await?.is_empty() {
            flaws.push("code");
        }
        let list = flaws.join(", ");
        Ok((!flaws.is_empty()).then(|| format!("the destination escrow has a wrong {list}")))
    }

    async fn judge_permission(
        &self,
        immutables: Immutables,
        permission: WithdrawPermission,
    ) -> Result<Finding, SimError> {
        let wrong = |what: &str| Ok(Finding::Wrong(format!("the permission has a wrong {what}")));
        let locks = immutables.timelocks;
        let factory = self.destination.factory();
        let implementations = EscrowImplementations::for_factory(DIALECT, factory.address);
        let escrow = bmn_contracts::destination_escrow(
            DIALECT,
            factory.address,
            &implementations,
            &immutables,
        );
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
        Ok(Finding::Good(Box::new(permit)))
    }

    /// Whether his own withdrawal would pass in a block with this time. The secret goes to his own
    /// node alone.
    pub(super) async fn would_pass(&self, permit: &Permit, time: u64) -> Result<bool, SimError> {
        let call = CallRequest {
            from: self.address(),
            to: permit.escrow,
            value: U256::ZERO,
            data: calldata::public_withdraw_signed(
                DIALECT,
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
