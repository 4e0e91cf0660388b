//! Canonical JSON, held against the examples of RFC 8785.

use ph_proof::canonical_json::{
    CanonicalJsonError, DEPTH_MAX, parse_canonical, parse_canonical_exact, to_canonical, to_canonical_exact,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// RFC 8785 appendix B: IEEE 754 in hex, and how the number is written.
const NUMBERS: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

fn written(value: &Value) -> String {
    String::from_utf8(to_canonical(value).unwrap()).unwrap()
}

#[test]
fn the_numbers_of_appendix_b() {
    for (bits, text) in NUMBERS {
        assert_eq!(to_canonical(&f64::from_bits(bits)).unwrap(), text.as_bytes(), "{bits:x}");
        assert_eq!(parse_canonical::<f64>(text.as_bytes()).unwrap(), f64::from_bits(bits));
    }
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(to_canonical(&wrong), Err(CanonicalJsonError::NotFinite)));
        // Inside of something the number must not become `null` either.
        assert!(matches!(to_canonical(&(1, Some([wrong]))), Err(CanonicalJsonError::NotFinite)));
        assert!(to_canonical_exact(&Some(wrong)).is_err());
    }
}

/// RFC 8785 §3.2.2 and §3.2.4.
#[test]
fn the_sample_of_section_3() {
    let value = json!({
        "numbers": [333_333_333.333_333_3, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
        "string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
        "literals": [null, true, false],
    });
    let wanted = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(written(&value), wanted);
}

/// RFC 8785 §3.2.3: members are ordered by UTF-16 code units, so that the smiling face comes before the Hebrew letter.
#[test]
fn members_are_ordered_by_utf_16() {
    let value = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let text = written(&value);
    let places: Vec<_> = order.iter().map(|name| text.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn every_other_form_is_refused() {
    let refused = |text: &str| parse_canonical::<Value>(text.as_bytes()).unwrap_err();
    for (text, at) in [
        (r#"{"a":1,"a":1}"#, 6),
        (r#"{"a":1,"a":2}"#, 5),
        (r#"{"b":1,"a":1}"#, 2),
        (r#"{"a": 1}"#, 5),
        ("1.0", 1),
        ("1E3", 1),
        ("-0", 0),
        ("[1]\n", 3),
        (r#""\u0041""#, 1),
        (r#""\/""#, 1),
        (r#""\u001F""#, 6),
        ("9007199254740993", 15),
        ("1e400", 0),
    ] {
        match refused(text) {
            CanonicalJsonError::NotCanonical { at: found } => assert_eq!(found, at, "{text}"),
            CanonicalJsonError::Read(_) if text == "1e400" => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    for wrong in ["", "{", "[1,]", "{\"a\":1}}", "nul", "\"\u{1}\"", "\"\\ud800\"", "\u{feff}1"] {
        assert!(matches!(refused(wrong), CanonicalJsonError::Read(_)), "{wrong:?}");
    }
    assert!(parse_canonical::<Value>(b"\"\xff\"").is_err());
}

#[test]
fn depth_has_a_limit() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(parse_canonical::<Value>(&nested(DEPTH_MAX)).is_ok());
    for depth in [DEPTH_MAX + 1, 1_000_000] {
        assert!(matches!(parse_canonical::<Value>(&nested(depth)), Err(CanonicalJsonError::Depth)));
    }
    let deep = (0..=DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    assert!(matches!(to_canonical(&deep), Err(CanonicalJsonError::Depth)));
    assert!(to_canonical(&"[".repeat(100)).is_ok());
    assert!(to_canonical(&format!("\\\"{}", "{".repeat(100))).is_ok());
}

#[test]
fn our_own_shapes_have_exact_integers_only() {
    let max = (1_i64 << 53) - 1;
    for right in [json!(0), json!(max), json!(-max), json!({ "a": [max, "1.5"] })] {
        assert_eq!(parse_canonical_exact::<Value>(&to_canonical_exact(&right).unwrap()).unwrap(), right);
    }
    for wrong in [json!(max + 1), json!(-max - 1), json!(u64::MAX), json!(1.0), json!(0.5), json!([{ "a": -0.0 }])] {
        assert!(matches!(to_canonical_exact(&wrong), Err(CanonicalJsonError::Inexact(_))), "{wrong}");
    }
    for wrong in ["0.5", "9007199254740992", "1152921504606847000", "1e+23"] {
        let refused = parse_canonical_exact::<Value>(wrong.as_bytes());
        assert!(matches!(refused, Err(CanonicalJsonError::Inexact(_))), "{wrong}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..6).prop_map(|all| all.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in any_value()) {
        let bytes = to_canonical(&value).unwrap();
        let read: Value = parse_canonical(&bytes).unwrap();
        prop_assert_eq!(to_canonical(&read).unwrap(), bytes);
    }
}
