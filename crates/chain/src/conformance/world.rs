//! The chain under test: what happens on it, and what its node says happened.

use super::{
    Testbed,
    contracts::{self, EMITTER, Emission, PROBE, emitter_address, init_code, probe_address},
    verdict::{Answer, Broken, Verdict, broken, ensure_eq},
};
use crate::{Block, ChainClient};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_primitives::BlockRef;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const GWEI: u128 = 1_000_000_000;

/// Fees that outbid any base fee of a new chain.
const MAX_FEE: u128 = 100 * GWEI;

/// A testbed whose contracts are deployed, and the record of what was emitted there.
pub(super) struct World<'a> {
    pub(super) bed: &'a mut (dyn Testbed + 'a),
    pub(super) signer: PrivateKeySigner,
    pub(super) emitter: Address,
    pub(super) probe: Address,
    /// The signer's next nonce after each block.
    nonces: Vec<u64>,
    /// What each transaction made the emitter log.
    emitted: BTreeMap<B256, Vec<Emission>>,
    seed: u64,
}

impl<'a> World<'a> {
    /// Deploys the contracts in the chain's first block after genesis.
    pub(super) async fn new(bed: &'a mut (dyn Testbed + 'a)) -> Verdict<Self> {
        let (signer, client) = (bed.signer(), bed.client());
        let address = signer.address();
        let nonce = client.nonce(address).await.answers("nonce")?;
        ensure_eq("the testbed's signer is new: its nonce", &nonce, &0)?;
        ensure_eq("the testbed starts at genesis: its head", &bed.head().await.number, &0)?;
        let (emitter, probe) = (emitter_address(address), probe_address(address));
        let (emitted, seed) = (BTreeMap::new(), 0);
        let nonces = vec![0];
        let mut world = Self { bed, signer, emitter, probe, nonces, emitted, seed };
        let deploy = |world: &Self, nonce, runtime| {
            world.sign(|tx| {
                *tx = TxEip1559 { nonce, to: TxKind::Create, gas_limit: 300_000, ..tx.clone() };
                tx.input = init_code(runtime);
            })
        };
        let contracts = [deploy(&world, 0, EMITTER)?, deploy(&world, 1, PROBE)?];
        world.mine_txs(&contracts).await;
        for (contract, runtime) in [(emitter, EMITTER), (probe, PROBE)] {
            let code = world.client().code(contract).await.answers("code")?;
            ensure_eq("code of a contract", &code, &Bytes::from_static(runtime))?;
        }
        Ok(world)
    }

    /// The host's client. Not kept: a restart needs everything of the old host gone.
    pub(super) fn client(&self) -> Arc<dyn ChainClient> {
        self.bed.client()
    }

    pub(super) async fn head(&self) -> BlockRef {
        self.bed.head().await
    }

    /// The node's own account of its canonical block.
    pub(super) async fn truth(&self, number: u64) -> Verdict<Block> {
        let block = self.bed.block(number).await;
        block.ok_or_else(|| Broken(format!("the testbed's node has no block {number}")))
    }

    /// The signer's next nonce on the canonical chain.
    pub(super) fn nonce(&self) -> u64 {
        self.nonces.last().copied().unwrap_or_default()
    }

    /// A transaction of the testbed's signer with the next nonce, after `change`.
    pub(super) fn sign(&self, change: impl FnOnce(&mut TxEip1559)) -> Verdict<Bytes> {
        let mut tx = TxEip1559 {
            chain_id: self.bed.chain_id().0,
            nonce: self.nonce(),
            gas_limit: 21_000,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: GWEI,
            to: TxKind::Call(Address::repeat_byte(0x77)),
            ..TxEip1559::default()
        };
        change(&mut tx);
        sign(tx, &self.signer)
    }

    /// One transaction for each entry, which makes the emitter log so many times.
    fn emissions(&mut self, logs: &[usize], first_nonce: u64) -> Verdict<Vec<Bytes>> {
        let mut txs = Vec::new();
        for (index, count) in logs.iter().enumerate() {
            let emissions: Vec<Emission> =
                (0..*count as u64).map(|log| Emission::shaped(self.seed + log)).collect();
            self.seed += *count as u64;
            let raw = self.sign(|tx| {
                tx.nonce = first_nonce + index as u64;
                tx.to = TxKind::Call(self.emitter);
                tx.gas_limit = 50_000 + 15_000 * *count as u64;
                tx.input = contracts::emissions(&emissions);
            })?;
            self.emitted.insert(keccak256(&raw), emissions);
            txs.push(raw);
        }
        Ok(txs)
    }

    pub(super) async fn mine_empty(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.mine_txs(&[]).await;
        }
    }

    /// Mines one block with these transactions, all of the testbed's signer.
    pub(super) async fn mine_txs(&mut self, txs: &[Bytes]) {
        self.bed.mine(txs).await;
        self.nonces.push(self.nonce() + txs.len() as u64);
    }

    /// Mines one block with a transaction for each entry, which logs so many times.
    pub(super) async fn mine_logs(&mut self, logs: &[usize]) -> Verdict {
        let txs = self.emissions(logs, self.nonce())?;
        self.mine_txs(&txs).await;
        Ok(())
    }

    /// A block that only the sequencer of an OP-stack chain can make.
    pub(super) async fn mine_deposit(&mut self, logs: usize) -> B256 {
        let emissions: Vec<Emission> =
            (0..logs as u64).map(|log| Emission::shaped(self.seed + log)).collect();
        self.seed += logs as u64;
        let hash = self.bed.mine_deposit(self.emitter, contracts::emissions(&emissions)).await;
        self.emitted.insert(hash, emissions);
        // On an OP-stack chain a deposit consumes a nonce of its sender, which is the signer.
        self.nonces.push(self.nonce() + 1);
        hash
    }

    /// Puts `length` blocks in the place of the newest `depth`; the first has a transaction for each
    /// entry of `logs`. What was in the old blocks is gone.
    pub(super) async fn replace(&mut self, depth: u64, length: u64, logs: &[usize]) -> Verdict {
        let kept = (self.nonces.len() as u64).checked_sub(depth).filter(|kept| *kept > 1);
        let Some(kept) = kept else { return broken("a case must not take its contracts away") };
        self.nonces.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        let txs = self.emissions(logs, self.nonce())?;
        self.bed.replace(depth, length, &txs).await;
        if length > 0 {
            self.nonces.push(self.nonce() + txs.len() as u64);
        }
        for _ in 1..length {
            self.nonces.push(self.nonce());
        }
        ensure_eq("the testbed's new head", &self.head().await.number, &(kept + length - 1))
    }

    /// What the emitter was told to log in this transaction.
    pub(super) fn emitted(&self, tx: &B256) -> Option<&[Emission]> {
        self.emitted.get(tx).map(Vec::as_slice)
    }
}

pub(super) fn sign(tx: TxEip1559, signer: &PrivateKeySigner) -> Verdict<Bytes> {
    let signature = signer.sign_hash_sync(&tx.signature_hash());
    let signature = signature.map_err(|error| Broken(format!("cannot sign: {error}")))?;
    Ok(TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into())
}
