//! `bmn swap proof` and `bmn swap verify`: a proof from another node, checked against the chains alone.

use crate::{
    bmn::{Done, run_in},
    network::{Network, must},
    run_node::{Running, config, follows},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A network with a swap whose escrows are both there, and a node beside it that only follows.
struct Bed {
    directory: tempfile::TempDir,
    network: Network,
    /// Knows no order.
    another: Running,
    hashlock: String,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let network = Network::start(None);
        network.mine();
        network.submit_order(directory.path());
        network.mine_until(&["bothLocked"]);
        let hashlock = network.swaps()[0]["hashlock"].as_str().unwrap().to_owned();
        let [a, b] = &network.chains;
        fs::write(directory.path().join("bmn.toml"), config([a, b], "index_only = true")).unwrap();
        let another = Running::start(directory.path(), "node --config bmn.toml --json");
        let bed = Self { directory, network, another, hashlock };
        bed.catch_up();
        bed
    }

    fn at(&self) -> &Path {
        self.directory.path()
    }

    fn catch_up(&self) {
        for (index, url) in self.network.chains.iter().enumerate() {
            follows(self.another.text("/rpc"), index, url);
        }
    }

    /// The other node's proof.
    fn proof(&self) -> Value {
        let rpc = self.another.text("/rpc");
        let text = must(self.at(), &format!("swap proof {} --rpc {rpc} --json", self.hashlock));
        serde_json::from_str(&text).unwrap()
    }

    fn verify(&self, proof: &Value, urls: &[&str]) -> Done {
        let path = self.at().join("proof.json");
        fs::write(&path, proof.to_string()).unwrap();
        let urls: String = urls.iter().map(|url| format!(" --chain-rpc {url}")).collect();
        run_in(self.at(), &format!("swap verify proof.json{urls} --json"), "")
    }

    fn own(&self) -> [&str; 2] {
        self.network.chains.each_ref().map(String::as_str)
    }
}

/// One hex digit of a text, another one.
fn flip(text: &mut Value, at: usize) {
    let digits = text.as_str().unwrap();
    let other = if &digits[at..=at] == "0" { "1" } else { "0" };
    *text = json!(format!("{}{other}{}", &digits[..at], &digits[at + 1..]));
}

#[test]
fn a_true_proof_of_another_node_is_accepted_from_both_locked_to_the_end() {
    let bed = Bed::new();
    let proof = bed.proof();
    assert_eq!(proof["orderId"], Value::Null, "it has no order");
    let done = bed.verify(&proof, &bed.own());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let verified = done.json();
    assert_eq!(verified["hashlock"], json!(bed.hashlock));
    let escrows = verified["escrows"].as_array().unwrap();
    let told: Vec<_> = escrows.iter().map(|it| (&it["side"], &it["state"])).collect();
    assert_eq!(told, [(&json!("source"), &json!("open")), (&json!("destination"), &json!("open"))]);
    assert_eq!(escrows[0]["terms"]["amount"], "1000000000000000000000");

    let order = format!("swap proof {} --rpc {}", bed.hashlock, bed.network.resolver);
    must(bed.at(), &format!("{order} --out own.json"));
    let [a, b] = bed.own();
    let said = must(bed.at(), &format!("swap verify own.json --chain-rpc {a} --chain-rpc {b}"));
    assert!(said.starts_with("everything is true\n"), "{said}");
    assert!(said.contains("1000 TKA") && said.contains("1950 USDX"), "{said}");

    for _ in 0..6 {
        bed.network.mine();
    }
    let submit = format!("secret submit --secret-file secret --rpc {}", bed.network.resolver);
    must(bed.at(), &submit);
    bed.network.mine_until(&["completed"]);
    // What was true of a block stays true; that the escrows still hold it does not.
    let stale = bed.verify(&proof, &bed.own());
    assert_eq!(stale.code, 1);
    assert!(stale.stderr.contains("has ended since"), "{}", stale.stderr);
    bed.catch_up();
    let done = bed.verify(&bed.proof(), &bed.own());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let verified = done.json();
    let states = verified["escrows"].as_array().unwrap().iter().map(|it| &it["state"]);
    assert!(states.eq([&json!("withdrawn"), &json!("withdrawn")]), "{verified}");
}

#[test]
fn whatever_was_altered_is_refused_and_named() {
    let bed = Bed::new();
    let proof = bed.proof();
    let own = bed.own();
    let forge = |change: &dyn Fn(&mut Value), words: &str| {
        let mut forged = proof.clone();
        change(&mut forged);
        assert_ne!(forged, proof, "{words}");
        let done = bed.verify(&forged, &own);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{words}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
    };
    let place = |proof: &mut Value| proof["escrows"][1]["events"][0]["proof"].take();
    let put = |proof: &mut Value, part: Value| proof["escrows"][1]["events"][0]["proof"] = part;
    forge(
        &|forged| {
            let mut part = place(forged);
            let last = part["receipt"].as_str().unwrap().len() - 1;
            flip(&mut part["receipt"], last);
            put(forged, part);
        },
        "`receipt` is not the one",
    );
    forge(
        &|forged| {
            let mut part = place(forged);
            flip(&mut part["receipt"], 20);
            put(forged, part);
        },
        "`receipt` is not the one",
    );
    forge(
        &|forged| {
            let mut part = place(forged);
            flip(&mut part["header"], 340);
            put(forged, part);
        },
        "`header` has the hash",
    );
    forge(
        &|forged| {
            let mut part = place(forged);
            part["chain"] = json!(1);
            put(forged, part);
        },
        "escrows[1].events[0].proof.chain: found 1, expected 1338",
    );
    forge(&|forged| forged["escrows"][0]["chain"] = json!(1338), "escrows[0]");
    forge(
        &|forged| forged["escrows"][1]["events"][0]["event"]["fields"]["taker"] = json!("0x1"),
        "event.fields",
    );
}

#[test]
fn proofs_of_other_blocks_and_missing_nodes_are_told_apart() {
    let bed = Bed::new();
    let proof = bed.proof();
    let [a, b] = bed.own();
    let missing = bed.verify(&proof, &[a]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("--chain-rpc is needed for chain 1338"), "{}", missing.stderr);
    // The same chain ids and the same contracts, and not the same chains.
    let others = Network::start(None);
    let [_, other] = &others.chains;
    let wrong = bed.verify(&proof, &[a, other]);
    assert_eq!(wrong.code, 1, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("in the proof; http://127.0.0.1"), "{}", wrong.stderr);
    let torn = bed.verify(&proof, &[a, b, other]);
    assert_eq!(torn.code, 1, "all nodes of a chain must agree: {}", torn.stderr);
    let gone = bed.verify(&proof, &[a, "ftp://x"]);
    assert!(gone.code == 2 && gone.stderr.contains("--chain-rpc"), "{}", gone.stderr);
    let nonsense = bed.verify(&json!({ "escrows": [] }), &[a, b]);
    assert!(nonsense.code == 2, "{}", nonsense.stderr);
    assert!(nonsense.stderr.contains("not the proof of a swap"), "{}", nonsense.stderr);
}
