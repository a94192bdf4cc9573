use service_kit::random::SystemRng;

use super::ring::RETENTION;
use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ES256: Rotation = Rotation { algorithm: Algorithm::Es256, interval: 10_000, lead: 600 };

fn open(home: &Path, rotation: Rotation, now: UnixTime) -> Result<SigningKeys, KeysError> {
    SigningKeys::open(home, rotation, now, &SystemRng)
}

fn published(keys: &SigningKeys) -> usize {
    keys.in_use().jwks().get("keys").and_then(Value::as_array).map_or(0, Vec::len)
}

#[test]
fn a_key_is_generated_once_signs_at_once_and_is_found_again() {
    let home = tempfile::tempdir().unwrap();
    let first = open(home.path(), ES256, NOW).unwrap();
    let again = open(home.path(), ES256, NOW.plus(1)).unwrap();
    assert_eq!(first.in_use().jwks(), again.in_use().jwks());
    assert_eq!(first.in_use().kid(), again.in_use().kid());
    assert_eq!(published(&first), 1);
}

#[test]
fn e_10_after_its_interval_a_key_is_followed_by_one_that_was_published_first_on_every_replica() {
    let home = tempfile::tempdir().unwrap();
    let replicas = [open(home.path(), ES256, NOW).unwrap(), open(home.path(), ES256, NOW).unwrap()];
    let first = replicas[0].in_use().kid().to_owned();
    let seen = |after: u64| {
        let look = |keys: &SigningKeys| {
            keys.look(NOW.plus(after), &SystemRng).unwrap();
            (keys.in_use().kid() == first, published(keys))
        };
        let [one, two] = [look(&replicas[0]), look(&replicas[1])];
        assert_eq!(one, two, "after {after}");
        one
    };
    assert_eq!(seen(9_399), (true, 1));
    assert_eq!(seen(9_400), (true, 2), "published, and not yet signing");
    assert_eq!(seen(9_999), (true, 2));
    assert_eq!(seen(10_000), (false, 2));
    assert_eq!(seen(10_000 + RETENTION - 1), (false, 2));
    assert_eq!(seen(10_000 + RETENTION), (false, 1), "the last token of the first key has expired");
    assert_eq!(replicas[0].in_use().kid(), replicas[1].in_use().kid());
}

#[test]
fn e_10_another_algorithm_signs_after_its_key_was_published_and_the_old_key_stays() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let home = tempfile::tempdir().unwrap();
        let old = open(home.path(), ES256, NOW).unwrap();
        let new = open(home.path(), Rotation { algorithm, ..ES256 }, NOW).unwrap();
        assert_eq!((new.in_use().kid(), published(&new)), (old.in_use().kid(), 2));
        // The replica that still runs with the old setting takes the new key in, and makes no other.
        assert!(old.look(NOW.plus(1), &SystemRng).unwrap());
        for keys in [&old, &new] {
            keys.look(NOW.plus(600), &SystemRng).unwrap();
            assert_eq!(keys.in_use().current.algorithm(), algorithm);
            assert_eq!(published(keys), 2);
        }
        assert_eq!(old.in_use().jwks(), new.in_use().jwks());
    }
}

#[test]
fn an_operator_rotates_now_or_later_and_withdraws_at_once() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path(), ES256, NOW).unwrap();
    let first = keys.in_use().kid().to_owned();
    let obey = |what: KeyOrder| order(home.path(), ES256, &what, (NOW, &SystemRng));
    let look = |after| {
        keys.look(NOW.plus(after), &SystemRng).unwrap();
        (keys.in_use().kid().to_owned(), published(&keys))
    };
    obey(KeyOrder::Rotate).unwrap();
    assert_eq!(look(0), (first.clone(), 2));
    obey(KeyOrder::RotateAtOnce).unwrap();
    let (second, count) = look(0);
    assert!(second != first && count == 3);
    let listed = obey(KeyOrder::Withdraw(second.clone())).unwrap().to_string();
    assert!(!listed.contains(&second) && !listed.contains("\"d\""), "{listed}");
    let (third, count) = look(0);
    assert!(
        third != first && third != second && count == 3,
        "no gap and no step back: a new one signs at once"
    );
    obey(KeyOrder::Withdraw(first.clone())).unwrap();
    assert_eq!(look(0), (third, 2), "one that does not sign goes without a successor");
    assert!(matches!(obey(KeyOrder::Withdraw(first)), Err(KeysError::NoSuchKey(_))));
}

#[test]
fn e_13_a_key_that_was_retired_does_not_come_back_when_its_successor_is_withdrawn() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path(), ES256, NOW).unwrap();
    let first = keys.in_use().kid().to_owned();
    keys.look(NOW.plus(9_400), &SystemRng).unwrap();
    let later = NOW.plus(10_000 + RETENTION);
    keys.look(later, &SystemRng).unwrap();
    let second = keys.in_use().kid().to_owned();
    assert_eq!((published(&keys), second == first), (1, false));
    let withdraw = KeyOrder::Withdraw(second.clone());
    let listed = order(home.path(), ES256, &withdraw, (later, &SystemRng)).unwrap().to_string();
    assert!(!listed.contains(&first) && !listed.contains(&second), "{listed}");
    keys.look(later, &SystemRng).unwrap();
    assert!(!keys.in_use().jwks().to_string().contains(&first) && published(&keys) == 1);
}

#[test]
fn a_withdrawal_is_taken_in_although_no_new_key_can_be_made() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path(), ES256, NOW).unwrap();
    let first = keys.in_use().kid().to_owned();
    order(home.path(), ES256, &KeyOrder::RotateAtOnce, (NOW, &SystemRng)).unwrap();
    order(home.path(), ES256, &KeyOrder::Withdraw(first.clone()), (NOW, &SystemRng)).unwrap();
    // The lock cannot be had: a folder is in its place.
    std::fs::remove_file(home.path().join("signing-keys.lock")).unwrap();
    std::fs::create_dir(home.path().join("signing-keys.lock")).unwrap();
    assert!(keys.look(NOW.plus(20_000), &SystemRng).is_err());
    assert!(!keys.in_use().jwks().to_string().contains(&first));
}

#[test]
fn a_damaged_key_file_is_never_replaced_by_a_new_key() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path(), ES256, NOW).unwrap();
    std::fs::write(home.path().join("signing-keys.json"), b"{}").unwrap();
    std::fs::write(home.path().join(REFRESH_KEY), b"short").unwrap();
    assert!(matches!(open(home.path(), ES256, NOW), Err(KeysError::Malformed(_))));
    assert!(matches!(keys.look(NOW, &SystemRng), Err(KeysError::Malformed(_))));
    assert_eq!(published(&keys), 1, "what was in use stays");
    assert!(matches!(refresh_key(home.path(), &SystemRng), Err(KeysError::Malformed(_))));
}
