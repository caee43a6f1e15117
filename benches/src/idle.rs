//! A node that does nothing but index and answer.

use crate::spec;
use alloy::primitives::{Address, B256};
use async_trait::async_trait;
use bmn_chain::{ChainError, RawReceipts};
use bmn_primitives::{ChainId, OrderId, Secret};
use bmn_rpc::{
    Intake, IntakeError, NodeView, ReceiptSource, ServedChain, Submitted, SubmittedOrder, Trade,
};
use bmn_swap::Profit;
use std::time::Duration;

/// A node that does nothing but index.
#[derive(Debug, Clone, Copy)]
pub struct Idle;

#[async_trait]
impl Intake for Idle {
    async fn submit_order(&self, _: SubmittedOrder) -> Result<Submitted, IntakeError> {
        Err(IntakeError::NotActing("it only indexes".to_owned()))
    }

    async fn submit_secret(&self, _: Secret, _: &[OrderId]) -> Result<(), IntakeError> {
        Err(IntakeError::NotActing("it only indexes".to_owned()))
    }
}

impl NodeView for Idle {
    fn version(&self) -> String {
        "bmn/bench".to_owned()
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    fn not_acting(&self) -> Option<String> {
        None
    }

    fn chains(&self) -> Vec<ServedChain> {
        let spec = spec();
        vec![ServedChain {
            id: spec.chain_id,
            name: spec.name,
            confirmations: spec.confirmations,
            account: Address::ZERO,
            factories: Vec::new(),
        }]
    }

    fn profit(&self, _: &Trade, _: (u128, u128)) -> Option<Profit> {
        None
    }
}

#[async_trait]
impl ReceiptSource for Idle {
    async fn block_receipts(&self, _: ChainId, _: B256) -> Result<Option<RawReceipts>, ChainError> {
        Ok(None)
    }
}
