//! Every MUST of c2sp.org/tlog-witness, "add-checkpoint", over HTTP. Where the specification's versions differ about a head of the
//! same size with another root (409 or 422) it is 422.

use ph_evidence::witness::{CONFLICTS_OF_A_LOG_MAX, Conflict};
use ph_proof::merkle::empty_root;
use ph_proof::note::{AddCheckpoint, NoteSigner, SignedNote, TreeHead};

use super::{Log, NOW, ORIGIN, ask, cosigned_at, files, post, serve, signer, witness_in};

/// A request to a witness that has cosigned the first 5 leaves, and the status that it must get.
struct Case {
    name: &'static str,
    body: Vec<u8>,
    status: u16,
}

fn case(name: &'static str, body: impl ToString, status: u16) -> Case {
    Case { name, body: body.to_string().into_bytes(), status }
}

fn log() -> Log {
    Log::new(ORIGIN)
}

fn signed_by(head: &TreeHead, signers: &[&NoteSigner]) -> SignedNote {
    SignedNote::sign(&head.to_string(), signers).unwrap()
}

/// Whose signature, and whose log.
fn signatures() -> Vec<Case> {
    let (log, right) = (log(), signer(ORIGIN, 1));
    let with = |note: SignedNote| AddCheckpoint { note, ..log.request(5, 9) };
    let stranger = signer("stranger.example", 7);
    let wrong = signed_by(&log.head(8), &[&right]).signatures()[0].clone();
    let wrong = SignedNote::of(&log.head(9).to_string(), vec![wrong]).unwrap();
    vec![
        case("unknown origin", Log::new("nobody.example/x").request(0, 5), 404),
        case("name beside the key's", Log::new("lab.example/px").request(0, 5), 404),
        case("name above the key's", Log::new("lab.example").request(0, 5), 404),
        case(
            "origin that no key can have",
            Log::new("lab.example/p").request(0, 1).to_string().replacen("/p\n", "/p+ x\n", 1),
            404,
        ),
        case("unknown key alone", with(signed_by(&log.head(9), &[&stranger])), 403),
        case("another key under the origin", log.clone().by(7).request(5, 9), 403),
        case("the key of another accepted log", log.clone().by(2).request(5, 9), 403),
        case("key under its own name above", with(signed_by(&log.head(9), &[&signer("lab.example/p", 1)])), 403),
        case("wrong signature", with(wrong), 403),
        case("wrong signature, and the old size is stale", log.clone().by(7).request(3, 9), 403),
        case("signatures by unknown keys beside", with(signed_by(&log.head(9), &[&stranger, &right])), 200),
    ]
}

/// Sizes and proofs.
fn sizes() -> Vec<Case> {
    let (log, forked) = (log(), log().forked(4));
    let with = |old_size, proof, size| AddCheckpoint { old_size, proof, note: log.note(size) };
    let hash = vec![[7; 32]];
    vec![
        case("old size above the head's", with(10, vec![], 9), 400),
        case(
            "old size above the head's, of a new log",
            AddCheckpoint { old_size: 2, ..Log::new("other.example").by(2).request(0, 1) },
            400,
        ),
        case("stale old size", log.request(3, 9), 409),
        case("old size of zero", log.request(0, 9), 409),
        case("old size from the future", log.request(7, 9), 409),
        case("new log with an old size", Log::new("other.example").by(2).request(3, 9), 409),
        case("rollback", log.request(3, 4), 409),
        case("empty proof", with(5, vec![], 9), 422),
        case("other proof", with(5, log.proof(6, 9), 9), 422),
        case("proof with a hash too many", with(5, [log.proof(5, 9), hash.clone()].concat(), 9), 422),
        case("split view", AddCheckpoint { old_size: 5, proof: forked.proof(5, 9), note: forked.note(9) }, 422),
        case("same size, other root", AddCheckpoint { old_size: 5, proof: vec![], note: forked.note(5) }, 422),
        case("same size, same root, a proof", with(5, hash.clone(), 5), 422),
        case(
            "old zero, proof not empty",
            AddCheckpoint { proof: hash.clone(), ..Log::new("other.example").by(2).request(0, 9) },
            422,
        ),
        case("63 lines, which are no proof", with(5, vec![[7; 32]; 63], 9), 422),
        case("64 lines", with(5, vec![[7; 32]; 64], 9), 400),
        case("same size and root", log.request(5, 5), 200),
        case("growth", log.request(5, 9), 200),
        case("growth to the whole", log.request(5, 200), 200),
        case("new log", Log::new("other.example").by(2).request(0, 9), 200),
        case("new log without leaves", Log::new("other.example").by(2).request(0, 0), 200),
        case("new ledger below the key's name", Log::new("lab.example/p/asm_2").request(0, 9), 200),
        case("the key's own name", Log::new("lab.example/p").request(0, 9), 200),
    ]
}

/// Bodies that are not of the protocol's form.
fn forms() -> Vec<Case> {
    let good = log().request(5, 9).to_string();
    let change = |from: &str, to: &str| good.replacen(from, to, 1);
    let line = good.lines().last().unwrap().to_owned();
    let extended = log().head(9).with_extension("more").unwrap();
    let extended = signed_by(&extended, &[&signer(ORIGIN, 1)]);
    vec![
        case("nothing", "", 400),
        case("no old line", change("old 5\n", ""), 400),
        case("old without a number", change("old 5", "old "), 400),
        case("leading zero", change("old 5", "old 05"), 400),
        case("sign", change("old 5", "old +5"), 400),
        case("two spaces", change("old 5", "old  5"), 400),
        case("carriage return", change("old 5\n", "old 5\r\n"), 400),
        case("a number too large", change("old 5", "old 18446744073709551616"), 400),
        case("a hash too short", change("\n", "\nAAAA\n"), 400),
        case("a hash without padding", good.replacen("=\n", "\n", 1), 400),
        case("no empty line", good.replacen("\n\n", "\n", 1), 400),
        case("no signature", good.replace(&format!("{line}\n"), ""), 400),
        case("no last newline", good.trim_end(), 400),
        case("the signature twice", format!("{good}{line}\n"), 400),
        case(
            "no tree head",
            AddCheckpoint { note: SignedNote::sign("hello\n", &[&signer(ORIGIN, 1)]).unwrap(), ..log().request(5, 9) },
            400,
        ),
        case("too large", format!("{good}{}", "x".repeat(200 << 10)), 400),
        Case { name: "not text", body: vec![0xff; 100], status: 400 },
        Case { name: "control characters", body: good.replacen("asm", "a\u{7}m", 1).into_bytes(), status: 400 },
        case("an extension line", AddCheckpoint { note: extended, ..log().request(5, 9) }, 200),
    ]
}

#[tokio::test]
async fn every_request_has_its_status() {
    for Case { name, body, status } in signatures().into_iter().chain(sizes()).chain(forms()) {
        let folder = tempfile::tempdir().unwrap();
        let witness = witness_in(folder.path(), files());
        assert_eq!(ask(&witness, &log().request(0, 5)).status, 200);
        let served = serve(witness).await;
        let (got, kind, text) = post(&served, body.clone()).await;
        assert_eq!(got, status, "{name}: {text}");
        match status {
            200 => {
                let note = AddCheckpoint::parse(&body).unwrap().note;
                assert_eq!(cosigned_at(&note, &text), NOW, "{name}");
                continue;
            }
            409 => {
                let latest = if name.starts_with("new log") { "0\n" } else { "5\n" };
                assert_eq!((kind.as_str(), text.as_str()), ("text/x.tlog.size", latest), "{name}");
            }
            _ => assert!(kind.starts_with("text/plain") && text.lines().count() == 1, "{name}: {text}"),
        }
        assert_eq!(
            post(&served, log().request(5, 12).to_string().into_bytes()).await.0,
            200,
            "{name} changed the state"
        );
    }
}

#[tokio::test]
async fn only_posts_to_the_one_path_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(witness_in(folder.path(), files())).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = http.get(format!("{}/add-checkpoint", served.url)).send().await.unwrap();
    assert_eq!(get.status().as_u16(), 405);
    let other = http.post(format!("{}/sign-subtree", served.url)).send().await.unwrap();
    assert_eq!(other.status().as_u16(), 404);
}

#[test]
fn of_two_histories_one_is_cosigned_and_the_other_kept_as_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    let (one, two) = (log(), log().forked(3));
    assert_eq!(ask(&witness, &one.request(0, 5)).status, 200);
    // With whatever old size the other head comes: it is signed, which is what counts.
    for old in [0, 5] {
        let proof = if old == 0 { vec![] } else { two.proof(5, 5) };
        let answer = ask(&witness, &AddCheckpoint { old_size: old, proof, note: two.note(5) });
        assert!(matches!(answer.status, 409 | 422) && !answer.body.contains('\u{2014}'));
    }
    let kept: Vec<_> =
        std::fs::read_dir(folder.path().join("evidence")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    let conflict: Conflict = serde_json::from_slice(&std::fs::read(&kept[0]).unwrap()).unwrap();
    let heads = [(&conflict.cosigned, &conflict.cosigned_key), (&conflict.refused, &conflict.refused_key)].map(
        |(note, key)| TreeHead::open(&SignedNote::parse(note.as_bytes()).unwrap(), &key.parse().unwrap()).unwrap(),
    );
    assert!(heads[0].size() == heads[1].size() && heads[0].root() != heads[1].root() && conflict.seconds == NOW);
    assert_eq!(heads[0], one.head(5));
}

#[test]
fn evidence_is_bounded_and_a_wrong_proof_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    assert_eq!(ask(&witness, &log().request(0, 50)).status, 200);
    assert_eq!(ask(&witness, &AddCheckpoint { proof: vec![], ..log().request(50, 60) }).status, 422);
    let kept = || std::fs::read_dir(folder.path().join("evidence")).unwrap().count();
    assert_eq!(kept(), 0, "whoever sends a proof may have made it up");
    for from in 0..2 * CONFLICTS_OF_A_LOG_MAX {
        assert_eq!(ask(&witness, &log().forked(from).request(50, 50)).status, 422);
    }
    assert_eq!(kept(), CONFLICTS_OF_A_LOG_MAX);
}

#[test]
fn a_head_of_no_leaves_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    assert_eq!(log().head(0).root(), empty_root().bytes());
    for (old, new) in [(0, 0), (0, 0), (0, 3), (3, 4)] {
        assert_eq!(ask(&witness, &log().request(old, new)).status, 200, "{old} to {new}");
    }
}
