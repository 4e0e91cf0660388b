//! The checks, in the order in which they are made, with what each asks.

use ph_analysis::CheckArea;

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Reachability,
    Auth,
    StopNatural,
    StopText,
    StopMaxTokens,
    Streaming,
    SameSeed,
    OtherSeeds,
    ToolCall,
    ToolResult,
    ContextLimit,
    ContextTooLong,
    Rate,
    BenignRefusal,
    Arithmetic,
    Echo,
    Instruction,
    Fingerprint,
}

/// All checks; one may use what an earlier one saw.
pub(super) const ORDER: [Check; 18] = [
    Check::Reachability,
    Check::Auth,
    Check::StopNatural,
    Check::StopText,
    Check::StopMaxTokens,
    Check::Streaming,
    Check::SameSeed,
    Check::OtherSeeds,
    Check::ToolCall,
    Check::ToolResult,
    Check::ContextLimit,
    Check::ContextTooLong,
    Check::Rate,
    Check::BenignRefusal,
    Check::Arithmetic,
    Check::Echo,
    Check::Instruction,
    Check::Fingerprint,
];

/// What a check is.
pub(super) struct About {
    pub(super) title: &'static str,
    pub(super) area: CheckArea,
    pub(super) asked: &'static str,
}

impl Check {
    /// The id, stable across versions.
    pub(super) fn id(self) -> &'static str {
        match self {
            Check::Reachability => "reachability",
            Check::Auth => "auth",
            Check::StopNatural => "stop-natural",
            Check::StopText => "stop-text",
            Check::StopMaxTokens => "stop-max-tokens",
            Check::Streaming => "streaming",
            Check::SameSeed => "seed-same",
            Check::OtherSeeds => "seed-other",
            Check::ToolCall => "tool-call",
            Check::ToolResult => "tool-result",
            Check::ContextLimit => "context-limit",
            Check::ContextTooLong => "context-too-long",
            Check::Rate => "rate",
            Check::BenignRefusal => "benign-refusal",
            Check::Arithmetic => "canary-arithmetic",
            Check::Echo => "canary-echo",
            Check::Instruction => "canary-instruction",
            Check::Fingerprint => "fingerprint",
        }
    }

    /// Whether the short form makes it.
    pub(super) fn is_quick(self) -> bool {
        self != Check::Rate
    }

    pub(super) fn about(self) -> About {
        let (title, area, asked) = match self {
            Check::Reachability => ("can be reached", CheckArea::Mechanics, "a short question, three times"),
            Check::Auth => {
                ("refuses a wrong credential", CheckArea::Mechanics, "the same with a key that is not valid")
            }
            Check::StopNatural => {
                ("says when it is done", CheckArea::Mechanics, "a question of one word, with room to answer")
            }
            Check::StopText => (
                "holds at a stop text",
                CheckArea::Mechanics,
                "the same again, with a part of its own answer as stop text",
            ),
            Check::StopMaxTokens => ("holds at max_tokens", CheckArea::Mechanics, "a long count with max_tokens = 16"),
            Check::Streaming => {
                ("streams what it says", CheckArea::Mechanics, "a request at temperature 0: whole, streamed, whole")
            }
            Check::SameSeed => (
                "repeats with a seed",
                CheckArea::Mechanics,
                "the same at temperature 1 with the same seed, three times",
            ),
            Check::OtherSeeds => ("varies between seeds", CheckArea::Mechanics, "the same with two other seeds"),
            Check::ToolCall => ("calls a tool", CheckArea::Mechanics, "a question that the one tool offered answers"),
            Check::ToolResult => {
                ("uses a tool's result", CheckArea::Mechanics, "the same conversation with the tool's result")
            }
            Check::ContextLimit => {
                ("knows its context", CheckArea::Mechanics, "ever longer prompts that begin with a code word")
            }
            Check::ContextTooLong => (
                "refuses what is too long",
                CheckArea::Mechanics,
                "the same prompts: is too long refused, or silently cut?",
            ),
            Check::Rate => {
                ("keeps up", CheckArea::Mechanics, "four calls one after another, eight at four connections")
            }
            Check::BenignRefusal => {
                ("answers harmless requests", CheckArea::Mechanics, "harmless requests with alarming words")
            }
            Check::Arithmetic => ("adds two numbers", CheckArea::Canary, "17 + 25"),
            Check::Echo => ("repeats a random word", CheckArea::Canary, "to repeat a word made up for this check"),
            Check::Instruction => ("follows an instruction", CheckArea::Canary, "to answer with one given word alone"),
            Check::Fingerprint => {
                ("has a stable fingerprint", CheckArea::Mechanics, "fixed prompts at temperature 0, all of them twice")
            }
        };
        About { title, area, asked }
    }
}
