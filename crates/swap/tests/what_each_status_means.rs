//! Each status by what it means for the operator: is it over, is it well, must he look?

use bmn_swap::Status;

/// Name, and whether it is terminal, a success, an alarm, a stranger's.
const MEANINGS: [(&str, [bool; 4]); 19] = [
    ("refused", [true, true, false, false]),
    ("accepted", [false; 4]),
    ("sourceLocked", [false; 4]),
    ("bothLocked", [false; 4]),
    ("secretKnown", [false; 4]),
    ("destinationPaid", [false; 4]),
    ("destinationRefunded", [false; 4]),
    ("destinationStranded", [false, false, true, false]),
    ("refunding", [false; 4]),
    ("exposed", [false, false, true, false]),
    ("completed", [true, true, false, false]),
    ("cancelled", [true, true, false, false]),
    ("void", [true, true, false, false]),
    ("lost", [true, false, true, false]),
    ("violated", [true, false, true, false]),
    ("owing", [false, false, true, false]),
    ("watched", [false, false, false, true]),
    ("kept", [true, true, false, true]),
    ("released", [true, true, false, true]),
];

#[test]
fn each_status_is_read_by_its_name_and_says_what_it_means() {
    for (status, (name, meaning)) in Status::ALL.into_iter().zip(MEANINGS) {
        let told =
            [status.is_terminal(), status.is_success(), status.is_alarm(), status.is_keeper()];
        assert_eq!((status.to_string().as_str(), told), (name, meaning));
        assert_eq!(Status::from_name(name), Some(status));
    }
    assert_eq!(Status::from_name("Completed"), None);
}
