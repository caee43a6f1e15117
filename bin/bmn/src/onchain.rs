//! Reading a chain and sending ordinary transactions, as an operator does while he sets things up.

use crate::failure::Failure;
use alloy::{
    primitives::{Address, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError, TxReceipt};
use bmn_sim::{Payload, Sent, Wallet};
use std::{sync::Arc, time::Duration};

/// Between two looks for a receipt.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A transaction that is not mined after so long will not be mined by waiting.
const PATIENCE: Duration = Duration::from_secs(120);

/// A chain behind a URL.
#[derive(Clone)]
pub(crate) struct Onchain {
    /// Acts on it.
    pub(crate) client: Arc<dyn ChainClient>,
    /// Its endpoint as it may be shown.
    pub(crate) shown: String,
}

impl Onchain {
    /// What a failure of the chain means for a command.
    pub(crate) fn failed(&self, error: ChainError) -> Failure {
        Failure::of_chain(&self.shown, error)
    }

    /// The word a view function returns; `None` where there is no such function.
    pub(crate) async fn word(&self, to: Address, data: Bytes) -> Result<Option<U256>, Failure> {
        let call = CallRequest { to, data, ..CallRequest::default() };
        match self.client.call(&call).await.map_err(|error| self.failed(error))? {
            CallOutcome::Success(word) if word.len() == 32 => Ok(Some(U256::from_be_slice(&word))),
            _ => Ok(None),
        }
    }

    /// Code of a contract; empty where there is none.
    pub(crate) async fn code(&self, at: Address) -> Result<Bytes, Failure> {
        self.client.code(at).await.map_err(|error| self.failed(error))
    }

    /// Balance in the chain's coin, wei.
    pub(crate) async fn coins(&self, of: Address) -> Result<U256, Failure> {
        self.client.balance(of).await.map_err(|error| self.failed(error))
    }
}

/// An account that sends transactions one after another and waits for all of them.
pub(crate) struct Account {
    chain: Onchain,
    wallet: Wallet,
    sent: Vec<(String, Sent)>,
}

impl Account {
    /// An account on a chain.
    pub(crate) async fn open(chain: &Onchain, signer: PrivateKeySigner) -> Result<Self, Failure> {
        let opened = Wallet::open(signer, Arc::clone(&chain.client)).await;
        let wallet = opened.map_err(|error| chain.failed(error))?;
        Ok(Self { chain: chain.clone(), wallet, sent: Vec::new() })
    }

    /// Its address.
    pub(crate) fn address(&self) -> Address {
        self.wallet.address()
    }

    /// Nonce of its next transaction.
    pub(crate) const fn next_nonce(&self) -> u64 {
        self.wallet.next_nonce()
    }

    /// Sends a transaction; `what` names it in errors.
    pub(crate) async fn send(&mut self, what: String, payload: Payload) -> Result<(), Failure> {
        let sent = self.wallet.send(payload).await;
        let sent =
            sent.map_err(|error| Failure::Run(eyre::Report::new(error).wrap_err(what.clone())))?;
        self.sent.push((what, sent));
        Ok(())
    }

    /// Waits until everything sent is mined. Answers how many transactions that were.
    ///
    /// # Errors
    /// The first that reverts, or is not mined in time.
    pub(crate) async fn settle(&mut self) -> Result<usize, Failure> {
        let sent = std::mem::take(&mut self.sent);
        for (what, tx) in &sent {
            let waiting = tokio::time::timeout(PATIENCE, self.mined(tx)).await;
            let receipt = waiting.map_err(|_| {
                Failure::Run(eyre::eyre!(
                    "{what}: transaction {} is not mined after {} s; does {} make blocks?",
                    tx.hash,
                    PATIENCE.as_secs(),
                    self.chain.shown
                ))
            })??;
            if !receipt.success {
                return Err(Failure::Run(eyre::eyre!("{what}: transaction {} reverted", tx.hash)));
            }
        }
        Ok(sent.len())
    }

    async fn mined(&self, tx: &Sent) -> Result<TxReceipt, Failure> {
        loop {
            let receipt = self.chain.client.receipt(tx.hash).await;
            if let Some(receipt) = receipt.map_err(|error| self.chain.failed(error))? {
                return Ok(receipt);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
