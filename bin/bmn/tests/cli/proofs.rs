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
        Self::beside(directory, network)
    }

    /// The same with orders of the dialects that state offsets, or less than BMN v4.
    fn of_dialects() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let network = Network::start(None);
        network.mine();
        let (at, [source, _]) = (directory.path(), &network.chains);
        for (dialect, more) in [
            ("bmn302", ""),
            ("oneinch1", "--deposit 0.001 --src-deposit 0.002 --credit-fee 1"),
            (
                "oneinch2",
                "--integrator-fee 120 0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc --nonce 7",
            ),
        ] {
            let order = format!(
                "order new --dialect {dialect} --from-chain 1337 --to-chain 1338 --sell 900 TKA --buy 1710 USDX \
                 --maker 0x90F79bf6EB2c4f870365E785982E1f101E93b906 --chain-rpc {source} \
                 --secret-file {dialect}.secret -o {dialect}.json {more}"
            );
            must(at, &order);
            must(at, &format!("order sign {dialect}.json --dev-account 3"));
            must(at, &format!("order submit {dialect}.json --rpc {}", network.resolver));
        }
        for _ in 0..400 {
            network.mine();
            if network.swaps().iter().all(|swap| swap["status"] == "bothLocked") {
                return Self::beside(directory, network);
            }
        }
        panic!("{:?}", network.swaps());
    }

    /// A node beside the network that only follows.
    fn beside(directory: tempfile::TempDir, network: Network) -> Self {
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
        self.verify_with(&proof.to_string(), urls, "")
    }

    fn verify_with(&self, proof: &str, urls: &[&str], more: &str) -> Done {
        self.verify_of(&self.hashlock, proof, urls, more)
    }

    fn verify_of(&self, lock: &str, proof: &str, urls: &[&str], more: &str) -> Done {
        fs::write(self.at().join("proof.json"), proof).unwrap();
        let urls: String = urls.iter().map(|url| format!(" --chain-rpc {url}")).collect();
        let meant = if lock.is_empty() { String::new() } else { format!(" --hashlock {lock}") };
        run_in(self.at(), &format!("swap verify proof.json{meant}{urls} --json{more}"), "")
    }

    fn own(&self) -> [&str; 2] {
        self.network.chains.each_ref().map(String::as_str)
    }
}

#[test]
fn sides_of_every_dialect_answer_each_other_and_what_no_event_states_is_said() {
    let bed = Bed::of_dialects();
    let rpc = bed.another.text("/rpc");
    let swaps = bed.network.swaps();
    assert_eq!(swaps.len(), 3);
    for swap in swaps {
        let text = |field: &str| swap[field].as_str().unwrap();
        let (lock, dialect) = (text("hashlock"), text("dialect"));
        for node in [rpc, &bed.network.resolver] {
            let proof = must(bed.at(), &format!("swap proof {lock} --rpc {node} --json"));
            let whole = bed.verify_of(lock, &proof, &bed.own(), "");
            if dialect != "bmn302" {
                assert_eq!(whole.code, 0, "{dialect} {node}: {}", whole.stderr);
                continue;
            }
            assert_eq!(whole.code, 1, "{dialect} {node}: {}", whole.stderr);
            assert!(whole.stderr.contains("what the source asks for"), "{}", whole.stderr);
            let part = bed.verify_of(lock, &proof, &bed.own(), " --partial");
            assert_eq!(part.code, 0, "{dialect} {node}: {}", part.stderr);
        }
    }
}

#[test]
fn evidence_of_a_swap_is_whole_signed_and_proves_what_the_chains_show() {
    let bed = Bed::new();
    let rpc = &bed.network.resolver;
    fs::write(bed.at().join("key"), format!("0x{}", "11".repeat(32))).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(bed.at().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let line =
        format!("swap export {} --out e.json --key-file key --rpc {rpc} --json", bed.hashlock);
    let told: Value = serde_json::from_str(&must(bed.at(), &line)).unwrap();
    let signer = told["signer"].as_str().unwrap();
    let text = fs::read_to_string(bed.at().join("e.json")).unwrap();
    let evidence: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(evidence["swap"]["status"], "bothLocked");
    assert_eq!(evidence["decision"]["decision"], "accepted", "{}", evidence["decision"]);
    assert_eq!(evidence["proof"]["escrows"].as_array().unwrap().len(), 2);
    assert_eq!(evidence["deadLetters"], json!([]));

    must(bed.at(), &format!("swap export --check e.json --account {signer}"));
    let [a, b] = bed.own();
    let urls = format!("--chain-rpc {a} --chain-rpc {b}");
    must(bed.at(), &format!("swap verify e.json --hashlock {} {urls}", bed.hashlock));
    fs::write(bed.at().join("f.json"), text.replace("bothLocked", "completed")).unwrap();
    let forged = run_in(bed.at(), "swap export --check f.json", "");
    assert_eq!(forged.code, 1, "{}", forged.stdout);
    assert!(forged.stderr.contains("something in it was changed"), "{}", forged.stderr);

    // Whoever has only the index says what he cannot give.
    let other = bed.another.text("/rpc");
    let line = format!("swap export {} --rpc {other} --json", bed.hashlock);
    let evidence: Value = serde_json::from_str(&must(bed.at(), &line)).unwrap();
    assert!(evidence["swap"]["missing"].is_string(), "{}", evidence["swap"]);
    assert_eq!(evidence["proof"]["escrows"].as_array().unwrap().len(), 2);
    let nowhere = run_in(bed.at(), &format!("swap export 0x12 --rpc {other}"), "");
    assert_ne!(nowhere.code, 0);
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
    assert_eq!(verified["notShown"], json!([]));
    assert!(escrows.iter().all(|it| it["answers"] == true), "{verified}");
    let maker = json!("0x90f79bf6eb2c4f870365e785982e1f101e93b906");
    let paid = [&escrows[0]["maker"], &escrows[0]["asks"]["maker"], &escrows[1]["maker"]];
    assert_eq!(paid, [&maker; 3]);
    assert_eq!(escrows[0]["taker"], escrows[1]["taker"], "the resolver of both sides");
    assert_eq!(escrows[0]["asks"]["amount"], escrows[1]["terms"]["amount"]);

    // In the other order, and with a mebibyte of nothing: full blocks have receipts of that size.
    let mut turned = proof.clone();
    turned["escrows"].as_array_mut().unwrap().reverse();
    let long = format!("{}{turned}", " ".repeat(1 << 20));
    let done = bed.verify_with(&long, &bed.own(), "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.json()["escrows"][0]["side"], "destination");

    let order = format!("swap proof {} --rpc {}", bed.hashlock, bed.network.resolver);
    must(bed.at(), &format!("{order} --out own.json"));
    let ([a, b], meant) = (bed.own(), format!("--hashlock {}", bed.hashlock));
    let said =
        must(bed.at(), &format!("swap verify own.json {meant} --chain-rpc {a} --chain-rpc {b}"));
    assert!(said.starts_with("everything is true\n"), "{said}");
    assert!(said.contains("1000 TKA") && said.contains("1950 USDX"), "{said}");
    assert!(said.contains("  maker") && said.contains("  taker"), "{said}");

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

/// Everything in it is true, and it is not enough.
#[test]
fn a_proof_that_leaves_something_out_is_refused_unless_that_is_accepted() {
    let bed = Bed::new();
    let proof = bed.proof();
    let lacks = |change: &dyn Fn(&mut Value), words: &str| {
        let mut less = proof.clone();
        change(&mut less);
        let text = less.to_string();
        let done = bed.verify_with(&text, &bed.own(), "");
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{words}: {}", done.stderr);
        assert!(done.stderr.contains(&format!("not shown: {words}")), "{words}: {}", done.stderr);
        let done = bed.verify_with(&text, &bed.own(), " --partial");
        assert_eq!(done.code, 0, "{words}: {}", done.stderr);
        let told = done.json()["notShown"].to_string();
        assert!(told.contains(words), "{told}");
    };
    let escrows = |less: &mut Value| less["escrows"].as_array().unwrap().clone();
    lacks(&|less| less["escrows"] = json!([escrows(less)[0]]), "the destination of the swap");
    lacks(&|less| less["escrows"] = json!([escrows(less)[1]]), "the source of the swap");
    lacks(&|less| less["escrows"][1]["immutables"] = Value::Null, "what the destination 0x");
    lacks(&|less| less["more"] = json!(true), "escrows or events that the node left out");
    let unfilled = |less: &mut Value| {
        let events = less["escrows"][0]["events"].as_array_mut().unwrap();
        events.retain(|event| event["event"]["event"] == "SrcEscrowCreated");
        assert_eq!(events.len(), 1);
    };
    lacks(&unfilled, "that the source came out of an order");
    // A true proof, and nobody said of which swap it should be; or of another one.
    let text = proof.to_string();
    let done = bed.verify_of("", &text, &bed.own(), "");
    assert!(done.code == 1 && done.stderr.contains("which swap is meant"), "{}", done.stderr);
    let other = format!("0x{}", "5e".repeat(32));
    for more in ["", " --partial"] {
        let done = bed.verify_of(&other, &text, &bed.own(), more);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{}", done.stderr);
        assert!(done.stderr.contains("it is another swap's proof"), "{}", done.stderr);
    }
    let mut many = proof.clone();
    let one = many["escrows"][0].clone();
    many["escrows"] = json!(vec![one; 9]);
    let done = bed.verify_with(&many.to_string(), &bed.own(), " --partial");
    assert!(done.code == 1 && done.stderr.contains("expected at most 8"), "{}", done.stderr);
    // What is shown has to be true nevertheless.
    let mut forged = proof.clone();
    forged["more"] = json!(true);
    forged["escrows"][1]["immutables"]["amount"] = json!("1");
    let done = bed.verify_with(&forged.to_string(), &bed.own(), " --partial");
    assert_eq!(done.code, 1, "{}", done.stderr);

    let indexed = include_str!("../../../../chainspecs/dev-a.toml").replacen(
        "rescue_delay_secs = 604_800",
        "rescue_delay_secs = 604_800\nindex_only = true",
        1,
    );
    fs::write(bed.at().join("indexed.toml"), indexed).unwrap();
    for more in [" --chainspec indexed.toml", " --chainspec indexed.toml --partial"] {
        let done = bed.verify_with(&proof.to_string(), &bed.own(), more);
        assert_eq!(done.code, 1, "{more}: {}", done.stderr);
        let words = "is only indexed and not relied on: the chain specification says so";
        assert!(done.stderr.contains(words), "{more}: {}", done.stderr);
    }
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
