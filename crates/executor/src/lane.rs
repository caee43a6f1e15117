//! The nonce lane of a chain: every intent from its first send until its nonce is settled (M3, M6).

use crate::{
    Executor, ExecutorError,
    executor::set_attempt,
    sign::{Bid, Unsigned, sign},
};
use alloy::primitives::{Bytes, U256};
use bmn_chain::{Fees, TxReceipt};
use bmn_primitives::{BlockRef, ChainId};
use bmn_queue::{Loaded, Retried, finish, refresh, retry};
use bmn_store::{IntentRow, Reads, SentTx, TxPayload};
use bmn_swap::{Attempt, Wake};

/// Gas of a transaction that only consumes its nonce: a transfer of nothing to ourselves.
const FILLER_GAS: u64 = 21_000;

impl Executor {
    /// Looks after every live intent of `chain`: settles what is mined and confirmed, sends the rest
    /// again, raises fees, replaces what is no longer wanted. Call it once for every new head.
    /// True when something changed.
    pub async fn maintain(&self, chain: ChainId) -> Result<bool, ExecutorError> {
        let read = self.store.read()?;
        let intents = read.intents(chain)?;
        let Some(tip) = read.cursor(chain)?.tip else { return Ok(false) };
        drop(read);
        if intents.is_empty() {
            return Ok(false);
        }
        let consumed = self.client(chain)?.nonce(self.rules.us).await?;
        let mut changed = false;
        for intent in intents {
            changed |= if intent.nonce < consumed {
                self.settle(&intent, tip).await?
            } else {
                self.keep_alive(intent, tip, consumed).await?
            };
        }
        Ok(changed)
    }

    async fn settle(&self, intent: &IntentRow, tip: BlockRef) -> Result<bool, ExecutorError> {
        let chain = intent.key.chain;
        let confirmations =
            self.rules.terms().route(chain).map_or(0, |route| route.pace.confirmations);
        let receipt = self.receipt_of(intent).await?;
        // The index must have seen as much as the client, or the outcome would look missing.
        let settled = match receipt {
            Some(receipt) => tip.number >= receipt.block.number + confirmations,
            None => {
                let last = intent.sent.last().map_or(0, |sent| sent.at.number);
                tip.number > last + confirmations + 2
            }
        };
        if !settled {
            return Ok(false);
        }
        let mut tx = self.store.write()?;
        self.check_fence(&tx, chain)?;
        tx.remove_intent(&intent.key)?;
        set_attempt(&mut tx, intent.key, Attempt::Idle, None)?;
        let failed = match receipt {
            Some(receipt) => !receipt.success && !intent.filler,
            None => true,
        };
        if failed {
            tracing::warn!(
                target: "bmn::executor", order = %intent.key.order,
                action = intent.key.action.name(), nonce = intent.nonce, "transaction without effect"
            );
            let wake = Wake::Height { chain, number: tip.number + 1 };
            // Bounded for what was refused: a token may pass the simulation and fail on chain. Not at
            // the first failure, since a reorg may have set the chain's clock back.
            let refused = tx.order(intent.key.order)?.is_some_and(|order| !order.is_accepted());
            let max = if refused {
                self.limits.max_attempts
            } else {
                self.most_attempts(intent.key.action)
            };
            if retry(&mut tx, &intent.key, "mined without effect", wake, max)? == Retried::Dead {
                set_attempt(&mut tx, intent.key, Attempt::Closed, None)?;
            }
        } else {
            finish(&mut tx, &intent.key)?;
        }
        refresh(&mut tx, intent.key.order, &self.rules)?;
        tx.commit()?;
        Ok(true)
    }

    async fn receipt_of(&self, intent: &IntentRow) -> Result<Option<TxReceipt>, ExecutorError> {
        let client = self.client(intent.key.chain)?;
        for sent in intent.sent.iter().rev() {
            if let Some(receipt) = client.receipt(sent.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn keep_alive(
        &self,
        intent: IntentRow,
        tip: BlockRef,
        consumed: u64,
    ) -> Result<bool, ExecutorError> {
        let read = self.store.read()?;
        let Some(loaded) = Loaded::read(&read, intent.key.order, &self.rules)? else {
            // The index says nothing now, so nothing says that the action is not wanted any more.
            drop(read);
            self.send(intent.key.chain, intent.payload.raw.clone()).await?;
            return Ok(false);
        };
        let wanted = self.due(&loaded, intent.key).is_some();
        drop(read);
        let waited = intent.sent.last().map_or(0, |sent| tip.number.saturating_sub(sent.at.number));
        // Only what the chain waits for is raised: the rest is stuck behind it, not underpaid.
        let stuck = waited >= self.limits.bump_after && intent.nonce == consumed;
        if (!wanted && !intent.filler) || stuck {
            let filler = intent.filler || !wanted;
            return self.replace(intent, tip, filler).await;
        }
        let raw = intent.payload.raw.clone();
        self.send(intent.key.chain, raw).await?;
        Ok(false)
    }

    // M6: the bid rises, but never without end: a bounded number of versions, a bounded multiple of
    // what the chain asks for now, and never more than the account holds.
    fn affordable(
        &self,
        intent: &IntentRow,
        unsigned: &Unsigned,
        bid: Bid,
        fees: Fees,
        balance: U256,
    ) -> bool {
        let fresh = Bid::first(fees);
        let most = u128::from(self.limits.max_bid_multiple);
        let cost = U256::from(bid.max_fee)
            .saturating_mul(U256::from(unsigned.gas_limit))
            .saturating_add(unsigned.value);
        intent.sent.len() < self.limits.max_versions
            && bid.max_fee <= fresh.max_fee.saturating_mul(most)
            && bid.priority_fee <= fresh.priority_fee.saturating_mul(most)
            && cost <= balance
    }

    async fn replace(
        &self,
        mut intent: IntentRow,
        tip: BlockRef,
        filler: bool,
    ) -> Result<bool, ExecutorError> {
        let chain = intent.key.chain;
        let fees = self.client(chain)?.fees().await?;
        let Some(last) = intent.sent.last().copied() else { return Ok(false) };
        let unsigned = if filler {
            Unsigned {
                chain,
                nonce: intent.nonce,
                to: self.rules.us,
                value: U256::ZERO,
                gas_limit: FILLER_GAS,
                data: Bytes::new(),
            }
        } else {
            Unsigned {
                chain,
                nonce: intent.nonce,
                to: intent.to,
                value: intent.value,
                gas_limit: intent.gas_limit,
                data: intent.payload.data.clone().into(),
            }
        };
        let bid = Bid { max_fee: last.max_fee, priority_fee: last.priority_fee }.raise(fees);
        let balance = self.client(chain)?.balance(self.rules.us).await?;
        if !self.affordable(&intent, &unsigned, bid, fees, balance) {
            // The last version that we can pay stays the one that is sent.
            let raw = intent.payload.raw.clone();
            self.send(chain, raw).await?;
            return Ok(false);
        }
        let (hash, raw) = sign(&self.signer, &unsigned, bid)?;
        intent.filler = filler;
        intent.payload = TxPayload { data: intent.payload.data.clone(), raw: raw.clone() };
        let version =
            SentTx { hash, max_fee: bid.max_fee, priority_fee: bid.priority_fee, at: tip };
        intent.sent.push(version);
        let mut tx = self.store.write()?;
        self.check_fence(&tx, chain)?;
        tx.put_intent(&intent)?;
        tx.commit()?;
        self.send(chain, raw).await?;
        Ok(true)
    }
}
