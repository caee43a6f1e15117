//! Whether the resolver's nonces follow one another without a gap, and whether it missed a deadline: M3 and
//! M6.

use crate::{Network, NetworkChain, SimError, accounts::DevAccount};
use bmn_store::{LateReads, Reads, Store};
use std::collections::BTreeMap;

/// Nonce after the last one that the resolver gave away, by chain in the order of the network.
pub(crate) type NextNonces = [Option<u64>; 2];

/// What the resolver remembers.
pub(crate) fn next_nonces(store: &Store, network: &Network) -> Result<NextNonces, SimError> {
    let read = store.read()?;
    let us = DevAccount::Resolver.address();
    let mut next = [None; 2];
    for (next, node) in next.iter_mut().zip(&network.chains) {
        *next = read.next_nonce(node.id(), us)?;
    }
    Ok(next)
}

/// Withdrawals and permissions that were not sent by their latest safe time.
pub(crate) fn missed_deadlines(store: &Store) -> Result<u64, SimError> {
    Ok(store.read()?.count_late(usize::MAX)?.1)
}

/// What is wrong with them; nothing when every nonce that was given away is mined, or waits in the pool
/// behind one that is.
pub(crate) async fn gaps(network: &Network, next: &NextNonces) -> Result<Vec<String>, SimError> {
    let mut gaps = Vec::new();
    for (node, next) in network.chains.iter().zip(next) {
        gaps.extend(gaps_on(node, *next).await?);
    }
    Ok(gaps)
}

async fn gaps_on(node: &NetworkChain, next: Option<u64>) -> Result<Vec<String>, SimError> {
    let us = DevAccount::Resolver.address();
    let mined = node.client.nonce(us).await?;
    let mut known: BTreeMap<u64, u32> = BTreeMap::new();
    for pooled in node.chain.pooled() {
        if pooled.tx.sender() == us {
            *known.entry(pooled.tx.nonce()).or_default() += 1;
        }
    }
    let chain = node.id();
    let given = next.unwrap_or(mined);
    let missing = (mined..given).filter(|nonce| !known.contains_key(nonce));
    let mut gaps: Vec<String> = missing
        .map(|nonce| format!("nonce {nonce} on chain {chain} is neither mined nor in the pool"))
        .collect();
    if given < mined {
        gaps.push(format!("chain {chain} mined nonces below {mined}, the lane stands at {given}"));
    }
    let beyond = known.keys().filter(|nonce| **nonce >= given);
    gaps.extend(beyond.map(|nonce| format!("nonce {nonce} on chain {chain} was never given away")));
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SIMULATION_GENESIS, Wallet, wallet::Payload};
    use alloy::primitives::U256;

    #[tokio::test]
    async fn a_gap_and_a_nonce_of_nobody_are_told() {
        let network = Network::in_memory(SIMULATION_GENESIS).unwrap();
        let node = &network.chains[0];
        assert_eq!(gaps(&network, &[None, None]).await.unwrap(), [""; 0]);
        assert_eq!(
            gaps(&network, &[Some(1), None]).await.unwrap(),
            ["nonce 0 on chain 1337 is neither mined nor in the pool"],
        );
        let mut wallet =
            Wallet::open(DevAccount::Resolver.signer(), node.client.clone()).await.unwrap();
        wallet.send(Payload::pay(wallet.address(), U256::from(5))).await.unwrap();
        assert_eq!(gaps(&network, &[Some(1), None]).await.unwrap(), [""; 0]);
        assert_eq!(
            gaps(&network, &[Some(0), None]).await.unwrap(),
            ["nonce 0 on chain 1337 was never given away"],
        );
        node.chain.mine(None).unwrap();
        assert_eq!(gaps(&network, &[Some(1), None]).await.unwrap(), [""; 0]);
        assert_eq!(
            gaps(&network, &[Some(0), None]).await.unwrap(),
            ["chain 1337 mined nonces below 1, the lane stands at 0"],
        );
    }
}
