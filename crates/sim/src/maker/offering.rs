//! How a maker brings his offer to the resolver, and what strangers do to it before.

use super::{
    Maker, Offer, Stage, Stake, Strangers,
    offer::{OfferTerms, SignedOffer},
    strangers,
};
use crate::{
    SimError,
    accounts::DevAccount,
    ledger::{Party, Side},
    rpc::{Methods, ResolverRpc},
    scenario::{Kind, Trap},
    wallet::Payload,
};
use alloy::{
    primitives::{Address, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::calldata;
use bmn_primitives::Immutables;
use bmn_rpc_api::{OrderDecision, RpcErrorCode};

const CREATE_GAS: u64 = 600_000;
const APPROVE_GAS: u64 = 80_000;

impl Maker {
    pub(super) async fn begin(&mut self, strangers: &mut Strangers) -> Result<bool, SimError> {
        if self.source_time() < self.run_start + self.spec.start {
            return Ok(false);
        }
        match self.spec.trap() {
            Some(Trap::CopiedHashlock) => self.be_copied(strangers).await?,
            Some(Trap::PartiallyFilled) => {
                let signed = self.offer_terms().sign()?;
                let sent = strangers.fill_one_unit(&self.source, &signed, None).await?;
                let side = self.one_unit();
                self.stakes.push(Stake { party: Party::Maker(self.spec.index), side, sent });
                self.offer = Some(Offer::Signed(Box::new(signed)));
            }
            _ => {
                self.stage = Stage::Offering;
                return Ok(true);
            }
        }
        self.stage = Stage::Preparing;
        Ok(true)
    }

    async fn be_copied(&mut self, strangers: &mut Strangers) -> Result<(), SimError> {
        let copy = self.offer_terms().sign_copy(strangers.signer())?;
        let hurry = self.spec.trap() == Some(Trap::CopiedHashlockInFlight);
        let tip = hurry.then_some(strangers::IN_FRONT_TIP);
        let sent = strangers.fill_one_unit(&self.source, &copy, tip).await?;
        self.stakes.push(Stake { party: Party::Griefer, side: self.one_unit(), sent });
        Ok(())
    }

    const fn one_unit(&self) -> Side {
        Side {
            chain: self.source.spec.chain_id,
            token: self.amounts.source_token,
            amount: U256::ONE,
        }
    }

    pub(super) async fn await_preparation(
        &mut self,
        strangers: &Strangers,
    ) -> Result<bool, SimError> {
        strangers.keep_alive().await?;
        let Some(stake) = self.stakes.first() else { return Ok(false) };
        let head = self.source.client.head().await?.number;
        let receipt = self.source.client.receipt(stake.sent.hash).await?;
        let ready = receipt.is_some_and(|receipt| {
            receipt.block.confirmations(head) >= self.source.spec.confirmations
        });
        if ready {
            self.stage = Stage::Offering;
        }
        Ok(ready)
    }

    fn source_time(&self) -> u64 {
        self.heads[0].map_or(0, |head| head.time)
    }

    fn offer_terms(&self) -> OfferTerms<'_> {
        OfferTerms {
            spec: &self.spec,
            seed: self.seed,
            source: &self.source,
            destination: &self.destination,
            maker: self.signer(),
            hashlock: self.hashlock,
            amounts: self.amounts,
            now: self.source_time(),
        }
    }

    const fn signer(&self) -> &PrivateKeySigner {
        self.source_wallet.signer()
    }

    pub(super) async fn make_offer(
        &mut self,
        strangers: &mut Strangers,
        rpc: &dyn ResolverRpc,
    ) -> Result<bool, SimError> {
        if self.spec.kind == Kind::DirectEscrow {
            return self.create_escrow().await;
        }
        let signed = match &self.offer {
            Some(Offer::Signed(signed)) => signed.clone(),
            _ => Box::new(self.offer_terms().sign()?),
        };
        let answer = Methods(rpc).submit_order(&signed.file).await?;
        // The same order must be handed in again when the resolver died over it.
        self.offer = Some(Offer::Signed(signed));
        match answer {
            Ok(submission) => {
                self.refusals = submission.refusals.into_iter().map(|reason| reason.code).collect();
                self.stage = Stage::Watching;
                let accepted = submission.decision == OrderDecision::Accepted;
                if accepted {
                    self.spring(strangers).await?;
                }
                Ok(true)
            }
            Err(failure) if failure.is(RpcErrorCode::UnreadableOrder) => {
                self.refusals = failure.order_refusals();
                self.stage = Stage::TurnedAway;
                Ok(true)
            }
            Err(failure) => {
                self.put_off(&failure);
                Ok(false)
            }
        }
    }

    /// What happens once the resolver has priced and accepted the order.
    async fn spring(&mut self, strangers: &mut Strangers) -> Result<(), SimError> {
        let contract = self.source.spec.resolver_contract.unwrap_or_default();
        match (self.spec.trap(), &self.offer) {
            (Some(Trap::CopiedHashlockInFlight), _) => self.be_copied(strangers).await?,
            (Some(Trap::StrangersPostInteraction), Some(Offer::Signed(signed))) => {
                let owner = DevAccount::Resolver.address();
                for taker in [contract, owner] {
                    strangers.call_post_interaction(&self.source, signed, taker).await?;
                }
            }
            (Some(Trap::StrangersDestination), Some(Offer::Signed(signed))) => {
                let immutables = self.impostor(strangers.address(), signed);
                let (dialect, node) = (self.spec.dialect, &self.destination);
                let sent = strangers.create_destination(node, dialect, &immutables).await?;
                let lost =
                    [(self.amounts.destination_token, U256::ONE), (Address::ZERO, U256::ONE)];
                for (token, amount) in lost {
                    let side = Side { chain: node.id(), token, amount };
                    self.stakes.push(Stake { party: Party::Griefer, side, sent: sent.clone() });
                }
            }
            (Some(Trap::DrainsAllowance), _) => {
                let protocol = self.source.factory(self.spec.dialect).limit_order_protocol;
                let data = calldata::approve(protocol, U256::ZERO);
                self.source_wallet.bid(strangers::IN_FRONT_TIP);
                let call = Payload::call(self.amounts.source_token, data, APPROVE_GAS);
                let sent = self.source_wallet.send(call).await?;
                self.sent[0].push(sent);
            }
            _ => {}
        }
        Ok(())
    }

    /// A destination that looks like ours but for whom it pays: one unit to `owner`.
    fn impostor(&self, owner: Address, signed: &SignedOffer) -> Immutables {
        let node = &self.destination;
        Immutables {
            order_hash: signed.id.hash,
            hashlock: self.hashlock,
            maker: owner.into(),
            taker: node.spec.resolver_contract.unwrap_or_default().into(),
            token: self.amounts.destination_token.into(),
            amount: U256::ONE,
            safety_deposit: U256::ONE,
            timelocks: signed.offsets,
            parameters: Bytes::new(),
        }
    }

    async fn create_escrow(&mut self) -> Result<bool, SimError> {
        let direct = self.offer_terms().direct();
        let data = calldata::create_src_escrow(&direct.immutables, &direct.complement);
        let factory = self.source.factory(self.spec.dialect).address;
        let sent = self.source_wallet.send(Payload::call(factory, data, CREATE_GAS)).await?;
        let lost = matches!(
            self.spec.trap(),
            Some(Trap::DirectSourceDeposit | Trap::DirectWrongTaker | Trap::DirectFeeOnTransfer)
        );
        if lost {
            let (party, side) = (Party::Maker(self.spec.index), self.terms().source);
            self.stakes.push(Stake { party, side, sent: sent.clone() });
        }
        self.sent[0].push(sent);
        self.offer = Some(Offer::Direct(Box::new(direct)));
        self.stage = Stage::Watching;
        Ok(true)
    }
}
