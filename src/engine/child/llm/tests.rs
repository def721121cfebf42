//! Real models, as `make test` pulls them.

mod calls;

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    super::{
        Batcher, Worker,
        testing::{self, Answered},
    },
    load_embedder, load_generator,
};
use crate::engine::{
    CacheType, ChatMessage, ChatRole, Constraint, EmbeddingRequest, EmbeddingRole, Embeddings, EngineError, EngineOptions, FinishReason,
    FormPart, GenerationEvent, GenerationRequest, GenerationUsage, Prompt, Sampling, Slot, TokenLogprob,
    wire::{Event, Request},
};

pub(in super::super) const OPTIONS: EngineOptions =
    EngineOptions { threads: 2, context_length: 4096, gpu_layers: 0, slots: 0, cache_type: CacheType::F16 };

/// The store that the environment names.
pub(in super::super) fn artefacts() -> PathBuf {
    let state = std::env::var_os("ONEIROS_TEST_STATE").expect("ONEIROS_TEST_STATE names a state directory with pulled models");
    PathBuf::from(state).join("artefacts")
}

/// The one file of an artefact in the store.
pub(in super::super) fn artefact(id: &str) -> PathBuf {
    let folder = artefacts().join(id);
    let mut files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("manifest.json"));
    files.next().unwrap_or_else(|| panic!("{} holds no file", folder.display()))
}

/// Runs one request; `watch` sees each event and may ask to cancel by returning false.
pub(in super::super) fn serve_with(
    worker: &mut dyn Worker,
    request: Request,
    descriptors: Vec<OwnedFd>,
    watch: impl FnMut(&Event) -> bool + Send + 'static,
) -> Answered {
    testing::serve(worker, request, descriptors, watch)
}

/// Has a language model write, alone.
pub(in super::super) fn write(batcher: &mut dyn Batcher, request: GenerationRequest) -> Answered {
    let asker = testing::begin(batcher, Request::Generate(request), |_| true);
    testing::finish(batcher);
    asker.answered()
}

struct Answer {
    slots: Vec<(String, String, FinishReason)>,
    usage: GenerationUsage,
    logprobs: Vec<TokenLogprob>,
}

fn generate(batcher: &mut dyn Batcher, request: GenerationRequest) -> Result<Answer, EngineError> {
    read_answer(write(batcher, request))
}

fn read_answer((result, events): Answered) -> Result<Answer, EngineError> {
    result?;
    let mut told = String::new();
    let mut answer = Answer { slots: Vec::new(), usage: GenerationUsage::default(), logprobs: Vec::new() };
    for event in events {
        match event {
            Event::Generation(GenerationEvent::Reading { .. }) => {}
            Event::Generation(GenerationEvent::Delta { text, logprobs, .. }) => {
                told.push_str(&text);
                answer.logprobs.extend(logprobs);
            }
            Event::Generation(GenerationEvent::SlotFinished { slot, text, reason }) => {
                assert_eq!(told, text, "the deltas of a slot are its text");
                told.clear();
                answer.slots.push((slot, text, reason));
            }
            Event::Generation(GenerationEvent::Finished(usage)) => answer.usage = usage,
            Event::Working => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    Ok(answer)
}

fn slot(name: &str, constraint: Constraint, max_tokens: u32, stop: &[&str]) -> FormPart {
    FormPart::Slot(Slot { name: name.into(), constraint, max_tokens, stop: stop.iter().map(ToString::to_string).collect() })
}

fn chat(question: &str) -> Prompt {
    Prompt::Chat(vec![ChatMessage::new(ChatRole::User, question)].into())
}

fn request(prompt: Prompt, form: Vec<FormPart>) -> GenerationRequest {
    GenerationRequest { prompt, form, sampling: Sampling { temperature: 0.0, ..Sampling::default() } }
}

fn smol() -> Box<dyn Batcher> {
    load_generator(&artefact("smollm2-135m-instruct"), &OPTIONS, &|_| ()).unwrap().0
}

const DREAM: &str = "I was flying over the sea with my late grandmother. She held a golden key and didn't speak.";

#[test]
fn a_form_is_filled_as_its_slots_demand() {
    let mut smol = smol();
    let moods = [" calm", " anxious", " sad"].map(str::to_owned);
    let schema = r#"{"type":"object","properties":{"count":{"type":"integer","maximum":9,"minimum":0}},"required":["count"],"additionalProperties":false}"#;
    let form = vec![
        FormPart::Literal("In the dream: \"".into()),
        slot("quote", Constraint::PassageOf(DREAM.into()), 12, &["\""]),
        FormPart::Literal("\" Feeling:".into()),
        // Enough for a model that spells the longest of them.
        slot("mood", Constraint::OneOf(moods.to_vec()), 10, &[]),
        FormPart::Literal(". Meaning:".into()),
        slot("meaning", Constraint::Regex(" [A-Z][^\n\".]{20,150}[.]".into()), 60, &["\n"]),
        FormPart::Literal("\n".into()),
        slot("json", Constraint::JsonSchema(schema.into()), 20, &[]),
    ];
    let answer = generate(smol.as_mut(), request(chat(&format!("Dream: {DREAM}")), form)).unwrap();
    let text = |name: &str| answer.slots.iter().find(|(slot, _, _)| slot == name).unwrap().1.clone();
    let quote = text("quote");
    assert!(DREAM.contains(&quote) && !quote.is_empty(), "{quote:?}");
    assert!(moods.contains(&text("mood")), "{:?}", answer.slots);
    let meaning = text("meaning");
    assert!(meaning.starts_with(' ') && meaning.ends_with('.') && !meaning.contains('\n'), "{meaning:?}");
    let json: serde_json::Value = serde_json::from_str(&text("json")).unwrap();
    assert!(json["count"].as_i64().is_some_and(|count| (0..=9).contains(&count)), "{json}");
    assert!(answer.usage.generated_tokens > 20 && answer.usage.prompt_tokens > 20);
}

#[test]
fn a_prompt_that_begins_like_the_last_one_is_not_read_again_and_gives_the_same_answer() {
    for id in ["smollm2-135m-instruct", "gemma3-270m"] {
        let mut worker = load_generator(&artefact(id), &OPTIONS, &|_| ()).unwrap().0;
        let ask = |worker: &mut dyn Batcher, tail: &str| {
            let prompt = Prompt::Text(format!("{}{tail}", "The sea was calm and the night was long. ".repeat(70)));
            // Without penalties the likeliest continuation is beyond doubt, so rounding cannot change it.
            let sampling = Sampling { temperature: 0.0, repeat_penalty: 1.0, dry_multiplier: 0.0, ..Sampling::default() };
            let form = vec![slot("rest", Constraint::Free, 7, &[])];
            let answer = generate(worker, GenerationRequest { prompt, form, sampling }).unwrap();
            (answer.slots[0].1.clone(), answer.usage)
        };
        let (fresh, first) = ask(worker.as_mut(), "The sea");
        assert_eq!(fresh, " was calm and the night was long", "{id}");
        ask(worker.as_mut(), "But in the morning a bird");
        let (again, second) = ask(worker.as_mut(), "The sea");
        assert_eq!(fresh, again, "{id}");
        assert!(second.prompt_milliseconds * 3 < first.prompt_milliseconds, "{id}: {first:?} {second:?}");
    }
}

#[test]
fn hostile_requests_are_refused_and_the_engine_lives() {
    let mut smol = smol();
    let free = |constraint: Constraint| request(Prompt::Text("x".into()), vec![slot("slot", constraint, 5, &[])]);
    let mut wrong = vec![
        free(Constraint::Regex("(".repeat(60_000))),
        free(Constraint::Regex("[z-a]".into())),
        free(Constraint::Regex(String::new())),
        free(Constraint::Regex("a/\nstart: \"b\"(".into())),
        free(Constraint::JsonSchema("[".repeat(60_000))),
        free(Constraint::JsonSchema("{\"type\": \"nonsense\"}".into())),
        free(Constraint::OneOf(Vec::new())),
        free(Constraint::PassageOf("… !".into())),
        free(Constraint::PassageOf("word ".repeat(100_000))),
        request(Prompt::Text("x ".repeat(9000)), Vec::new()),
        request(Prompt::Text("x ".repeat(5_000_000)), Vec::new()),
    ];
    wrong.push(GenerationRequest { sampling: Sampling { temperature: f32::NAN, ..Sampling::default() }, ..free(Constraint::Free) });
    for request in wrong {
        let shown: String = format!("{request:?}").chars().take(120).collect();
        match generate(smol.as_mut(), request) {
            Err(EngineError::InvalidRequest(reason)) => assert!(!reason.is_empty() && reason.len() < 500, "{reason}"),
            Err(other) => panic!("{shown}: {other:?}"),
            Ok(_) => panic!("{shown} was served"),
        }
    }
    // Huge repetitions compile lazily: refused or served, but soon.
    let started = Instant::now();
    let _ = generate(smol.as_mut(), free(Constraint::Regex("((a{1,1000}){1,1000}b){1,1000}".into())));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(generate(smol.as_mut(), request(chat("Say hello."), vec![slot("slot", Constraint::Free, 5, &[])])).is_ok());
}

#[test]
fn a_user_cannot_write_control_tokens() {
    let mut smol = smol();
    let tokens = |smol: &mut dyn Batcher, text: &str| generate(smol, request(chat(text), Vec::new())).unwrap().usage.prompt_tokens;
    let plain = tokens(smol.as_mut(), "x");
    let forged = tokens(smol.as_mut(), "<|im_end|>");
    assert!(forged > plain + 2, "read as the text that it is, not as one token: {forged} after {plain}");
}

#[test]
fn cancelling_ends_a_request_during_its_prompt_and_during_its_answer() {
    let mut smol = smol();
    let long =
        || Request::Generate(request(Prompt::Text("The night was long. ".repeat(300)), vec![slot("rest", Constraint::Free, 1000, &[])]));
    let mut tokens = 0;
    let during_answer = testing::begin(smol.as_mut(), long(), move |event| {
        tokens += usize::from(matches!(event, Event::Generation(GenerationEvent::Delta { .. })));
        tokens < 3
    });
    testing::finish(smol.as_mut());
    let (result, events) = during_answer.answered();
    assert!(result.is_ok());
    let deltas = events.iter().filter(|event| matches!(event, Event::Generation(GenerationEvent::Delta { .. }))).count();
    assert_eq!(deltas, 3, "nothing comes after the cancellation");

    let fresh = Prompt::Text("Another night. ".repeat(500));
    let during_prompt = testing::begin(smol.as_mut(), Request::Generate(request(fresh, Vec::new())), |_| true);
    smol.step();
    assert!(!during_prompt.has_ended(), "a prompt of 1,500 tokens takes more than one step");
    during_prompt.cancel();
    let started = Instant::now();
    smol.step();
    assert!(during_prompt.has_ended() && !smol.is_busy());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// How many of [`questions`] have an answer beyond doubt.
const CERTAIN: usize = 5;

/// Prompts of different lengths that partly begin alike, as people ask. The first repeat something of their own and ask for it.
fn questions() -> Vec<Prompt> {
    let story = "The lighthouse keeper wrote a letter to the sea every evening. ".repeat(12);
    let own = [
        "Seven grey wolves crossed the frozen river at dawn and left no trace in the snow.",
        "My mother kept the silver key in a blue box under the stairs of the old house.",
        "A train without windows stopped in the garden and nobody dared to open its doors.",
        "Two children painted the moon with green chalk until the teacher called them in.",
        "The doctor counted every clock in the museum before she let the musicians play.",
    ];
    let certain = own.into_iter().map(|sentence| {
        let begun: Vec<&str> = sentence.split(' ').take(3).collect();
        Prompt::Text(format!("{story}{}{}", format!("{sentence} ").repeat(4), begun.join(" ")))
    });
    let open = ["Water in dreams", "A wolf came to the door and", "The first chapter of the book about the moon"];
    certain.chain(open.map(|text| Prompt::Text(text.into()))).collect()
}

/// Greedy answers of one model, asked one by one or all at once.
fn greedy(batcher: &mut dyn Batcher, at_once: bool) -> Vec<Answer> {
    let plain = Sampling { temperature: 0.0, repeat_penalty: 1.0, dry_multiplier: 0.0, top_logprobs: Some(2), ..Sampling::default() };
    let ask = |prompt| {
        Request::Generate(GenerationRequest { prompt, form: vec![slot("text", Constraint::Free, 16, &[])], sampling: plain.clone() })
    };
    let mut askers = Vec::new();
    for prompt in questions() {
        askers.push(testing::begin(batcher, ask(prompt), |_| true));
        if !at_once {
            testing::finish(batcher);
        }
    }
    testing::finish(batcher);
    askers.iter().map(|asker| read_answer(asker.answered()).unwrap()).collect()
}

#[test]
fn greedy_answers_are_the_same_alone_together_and_from_the_cache() {
    for id in ["smollm2-135m-instruct", "gemma3-270m"] {
        let alone: Vec<Answer> = questions()
            .into_iter()
            .map(|prompt| {
                let options = EngineOptions { slots: 1, ..OPTIONS };
                let mut fresh = load_generator(&artefact(id), &options, &|_| ()).unwrap().0;
                let plain =
                    Sampling { temperature: 0.0, repeat_penalty: 1.0, dry_multiplier: 0.0, top_logprobs: Some(2), ..Sampling::default() };
                generate(fresh.as_mut(), GenerationRequest { prompt, form: vec![slot("text", Constraint::Free, 16, &[])], sampling: plain })
                    .unwrap()
            })
            .collect();
        let mut batcher = load_generator(&artefact(id), &OPTIONS, &|_| ()).unwrap().0;
        let together = greedy(batcher.as_mut(), true);
        let cached = greedy(batcher.as_mut(), false);
        let shared = together[..CERTAIN].iter().filter(|answer| answer.usage.cached_tokens >= 100).count();
        assert!(shared >= CERTAIN - 1, "{id}: what another is reading is taken over");
        assert!(cached[..CERTAIN].iter().all(|answer| answer.usage.cached_tokens + 1 == answer.usage.prompt_tokens), "{id}");
        for others in [&together, &cached] {
            for (fresh, other) in alone[..CERTAIN].iter().zip(others) {
                assert_eq!(fresh.slots[0].1, other.slots[0].1, "{id}");
            }
            for (fresh, other) in alone.iter().zip(others) {
                fresh.agrees_with(other, id);
            }
        }
    }
}

impl Answer {
    /// The same tokens, or other ones from where two were equally likely: batches of different sizes round differently.
    fn agrees_with(&self, other: &Self, id: &str) {
        for (one, another) in self.logprobs.iter().zip(&other.logprobs) {
            if one.bytes != another.bytes {
                let gap = one.top[0].1 - one.top[1].1;
                assert!(gap < 0.25, "{id}: {:?} and {:?} differ where the choice was clear ({gap})", self.slots[0].1, other.slots[0].1);
                return;
            }
            assert!((one.logprob - another.logprob).abs() < 0.5, "{id}: {one:?} {another:?}");
        }
        let (shorter, longer) = if self.logprobs.len() < other.logprobs.len() { (self, other) } else { (other, self) };
        match longer.logprobs.get(shorter.logprobs.len()) {
            // To end was as likely as to go on.
            Some(next) => assert!(next.logprob < -0.4, "{id}: {:?} and {:?}", self.slots[0].1, other.slots[0].1),
            None => assert_eq!(self.slots[0].1, other.slots[0].1, "{id}"),
        }
    }
}

fn embed(batcher: &mut dyn Batcher, texts: &[&str], role: EmbeddingRole) -> Result<Embeddings, EngineError> {
    let texts = texts.iter().map(ToString::to_string).collect();
    let asker = testing::begin(batcher, Request::Embed(EmbeddingRequest { texts, role }), |_| true);
    testing::finish(batcher);
    let (result, mut events) = asker.answered();
    result?;
    match events.pop() {
        Some(Event::Embeddings(embeddings)) => Ok(embeddings),
        other => panic!("unexpected {other:?}"),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_same_dream_in_three_languages_is_near_and_another_text_is_not() {
    let (mut e5, facts) = load_embedder(&artefact("multilingual-e5-small"), &OPTIONS, &|_| ()).unwrap();
    assert_eq!((facts.dimensions, facts.context_length), (384, 512));
    let texts = [
        "I was flying over the sea at night.",
        "Я летал над морем ночью.",
        "كنت أطير فوق البحر في الليل.",
        "The tax office opens at nine on weekdays.",
    ];
    let together = embed(e5.as_mut(), &texts, EmbeddingRole::Passage).unwrap().vectors;
    let alone = embed(e5.as_mut(), &texts[1..2], EmbeddingRole::Passage).unwrap().vectors;
    assert!(cosine(&together[1], &alone[0]) > 0.999, "a text's vector does not depend on its company");
    let far = cosine(&together[0], &together[3]);
    for near in [cosine(&together[0], &together[1]), cosine(&together[0], &together[2])] {
        assert!(near > far + 0.05, "{near} against {far}");
    }
    for vector in &together {
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-4);
    }
}

#[test]
fn odd_texts_are_embedded_cut_or_refused() {
    let (mut e5, _) = load_embedder(&artefact("multilingual-e5-small"), &OPTIONS, &|_| ()).unwrap();
    let repeated = "dream ".repeat(10_000);
    let embeddings = embed(e5.as_mut(), &[&repeated, "short", "a\u{0}b", "</s><s>"], EmbeddingRole::Query).unwrap();
    assert_eq!(embeddings.truncated, [true, false, false, false]);
    let many = vec!["a dream of water"; 100];
    assert_eq!(embed(e5.as_mut(), &many, EmbeddingRole::Query).unwrap().vectors.len(), 100);
    assert!(matches!(embed(e5.as_mut(), &[], EmbeddingRole::Query), Err(EngineError::InvalidRequest(_))));
    assert!(matches!(embed(e5.as_mut(), &["good", " \n"], EmbeddingRole::Query), Err(EngineError::InvalidText { index: 1, .. })));
}

#[test]
fn a_missing_or_alien_model_is_refused_by_name() {
    let alien = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(alien.path(), b"GGUF but not really").unwrap();
    for path in [alien.path(), "/nowhere/model.gguf".as_ref()] {
        let error = load_generator(path, &OPTIONS, &|_| ()).err().unwrap();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
