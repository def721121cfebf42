//! One dream, one lens, one model: from what was found to a reading that may be shown, with one repair of what may not.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    ConfidenceLevel, Dream, FailureReason, Interpretation, InterpretationFailure, Source, StepName, StepOutcome, TokenCounts,
    agreement::Look,
    checks,
    choosing::{choices, prefer_known, tell_composed},
    confidence::{Signals, Weights},
    draft::{COPIED, Draft, Reading, Standard, is_prose},
    findings::{Findings, Speech},
    form::{Choices, Form},
    language, passages,
    prompt::{Fitted, Material},
    prompts::{Prompts, Wording},
    reader::Reader,
    steps::Steps,
    telling::{EventSink, ReadingEvent, Telling},
    text_kind,
};
use crate::{
    engine::{Asker, EngineError, FormPart, GenerationEvent, GenerationRequest, GenerationUsage, Sampling},
    features::lore::{Lens, Lore},
};

/// One reading to be made.
pub struct Task<'a> {
    pub dream: &'a Dream,
    /// The dream's language, ISO 639-1.
    pub dream_language: &'a str,
    pub prompts: &'a Prompts,
    pub lore: &'a Lore,
    pub lens: &'a Lens,
    pub reader: &'a Reader,
    pub asker: Asker,
    /// The language of the answer.
    pub language: &'a str,
    pub findings: &'a Findings,
    /// The same dream's readings through other lenses.
    pub others: &'a [Interpretation],
    pub started: Instant,
}

/// The fields of which a second sample is taken, to see whether the model is of one mind.
const SAMPLED_AGAIN: [&str; 3] = ["mood", "emotions.0.name", "emotions.1.name"];
/// How many images a reading speaks of at most, by the model's depth.
const SYMBOLS: (usize, usize) = (3, 4);

/// How warm a pass over the form is and where its chance begins.
#[derive(Clone, Copy)]
enum Pass {
    First,
    Repair,
    SecondLook,
}

/// What a form and its prompt came to.
struct Ground<'a> {
    wording: &'a Wording,
    standard: Standard<'a>,
    fitted: Fitted,
}

/// What a model has been asked for so far.
#[derive(Default)]
struct Spent {
    tokens: TokenCounts,
    passes: u8,
}

impl Spent {
    fn add(&mut self, usage: GenerationUsage) {
        self.passes = self.passes.saturating_add(1);
        // What an engine tells is not to be trusted with an overflow.
        self.tokens.prompt = self.tokens.prompt.saturating_add(usage.prompt_tokens);
        self.tokens.generated = self.tokens.generated.saturating_add(usage.generated_tokens);
    }
}

/// Reads a dream. Dropping the future cancels the engine's work.
pub async fn read(
    task: &Task<'_>,
    mut steps: Steps,
    sink: &EventSink,
) -> Result<Result<Interpretation, InterpretationFailure>, EngineError> {
    let wording = task.prompts.wording(task.language);
    let (short, full) = SYMBOLS;
    let depth = task.reader.depth();
    let vocabulary = &task.prompts.wording(task.dream_language).vocabulary;
    let mut candidates =
        passages::candidates(&task.dream.text, task.dream_language, vocabulary, &task.findings.found, depth.pick(short, full));
    if candidates.iter().all(Vec::is_empty) {
        let detail = "The text holds no words that a reading could rest on.".into();
        return Ok(Err(InterpretationFailure { reason: FailureReason::Ungrounded, detail, steps: steps.finish() }));
    }
    let choices = choices(task, wording);
    let form = match &choices {
        Some(choices) => {
            candidates.iter_mut().for_each(|list| prefer_known(task, list));
            Form::of_choices(wording, task.lens, task.language, &candidates, choices)
        }
        None => Form::new(wording, task.lens, task.language, &candidates, depth),
    };
    let images = task.findings.images();
    let told = task.findings.told(&task.dream.text);
    let of_examples = of_examples(task, wording, &images);
    let ground = Ground {
        wording,
        fitted: prompt(task, wording, choices.as_ref(), &mut steps),
        standard: Standard { choices: choices.as_ref(), ..standard(task, &form, &candidates, (&images, &of_examples, &told)) },
    };
    let mut spent = Spent::default();
    let (mut draft, usage) = fill(task, &ground, form.parts.clone(), Pass::First, sink).await?;
    spent.add(usage);
    let mut judging = Judging::default();
    let faults = judging.of(|| draft.faults(&ground.standard));
    // A reading does without a question.
    let anew: Vec<String> = faults.iter().map(|fault| fault.slot.clone()).filter(|slot| !slot.starts_with("questions.")).collect();
    let repaired = !anew.is_empty();
    if repaired {
        tracing::info!(dream = %task.dream.id, model = task.reader.id, ?faults, "parts of a reading are written anew");
        repair(task, &ground, &anew, (&mut draft, &mut spent)).await;
    }
    let second_look = second_look(task, &ground, &draft, &mut spent).await;
    steps.end(
        StepName::Generation,
        if repaired { StepOutcome::Repaired } else { StepOutcome::Done },
        &[
            ("model", task.reader.id.clone()),
            ("passes", spent.passes.to_string()),
            ("prompt_tokens", spent.tokens.prompt.to_string()),
            ("generated_tokens", spent.tokens.generated.to_string()),
        ],
    );
    let Some(mood) = draft.mood(wording) else {
        let detail = "The model chose no mood.".into();
        return Ok(Err(InterpretationFailure { reason: FailureReason::Incomplete, detail, steps: steps.finish() }));
    };
    let reading = judging.of(|| draft.finish(&ground.standard, mood));
    if choices.is_some() {
        tell_composed(&reading, sink);
    }
    check_step(&reading, judging, &mut steps);
    let looks = second_look.into_iter().chain(task.others.iter().map(Look::from)).collect::<Vec<_>>();
    let confidence = confidence(task, &form, &reading, &looks, &mut steps);
    Ok(Ok(interpretation(task, &ground, reading, confidence, (spent.tokens, steps))))
}

fn standard<'a>(
    task: &'a Task<'_>,
    form: &'a Form,
    candidates: &'a [Vec<passages::Candidate>],
    (images, of_examples, told): (&'a HashSet<String>, &'a HashSet<String>, &'a str),
) -> Standard<'a> {
    Standard {
        form,
        wording: task.prompts.wording(task.language),
        lore: task.lore,
        lens: task.lens,
        candidates,
        dream: &task.dream.text,
        told,
        images: Some(images).filter(|_| task.lore.dictionary().knows(task.dream_language)),
        of_examples,
        choices: None,
        dream_language: task.dream_language,
        language: task.language,
    }
}

/// Images of the examples that a model takes over from there, as far as the dream does not hold them.
fn of_examples(task: &Task<'_>, wording: &Wording, images: &HashSet<String>) -> HashSet<String> {
    let dictionary = task.lore.dictionary();
    let shown = wording.examples.iter().flat_map(|example| dictionary.find(&example.dream, task.language)).map(|found| found.symbol);
    let taken_over = |id: &String| dictionary.kind(id).is_some_and(|kind| COPIED.contains(&kind));
    shown.filter(|id| dictionary.knows(task.dream_language) && !images.contains(id) && taken_over(id)).collect()
}

/// The prompt within the model's context.
fn prompt(task: &Task<'_>, wording: &Wording, choices: Option<&Choices<'_>>, steps: &mut Steps) -> Fitted {
    let depth = task.reader.depth();
    let hints = task.findings.hints(Speech { wording, lore: task.lore, lens: task.lens, language: task.language }, depth);
    let material = Material {
        wording,
        lens: task.lens,
        language: task.language,
        text: &task.dream.text,
        hints: &hints,
        reader: task.reader,
        is_chosen: choices.is_some(),
    };
    let fitted = material.fit();
    steps.end(
        StepName::Prompt,
        StepOutcome::Done,
        &[
            ("version", task.prompts.version().to_owned()),
            ("lore", task.lore.version().to_owned()),
            ("lens", task.lens.id.to_string()),
            ("answer", task.language.to_owned()),
            ("depth", depth.name().to_owned()),
            ("moods", choices.map(|choices| choices.moods.join(", ")).unwrap_or_default()),
            ("feelings", choices.map(|choices| choices.feelings.join(", ")).unwrap_or_default()),
            ("tokens", fitted.tokens.to_string()),
            ("hints", fitted.hints.to_string()),
            ("shortened", fitted.shortened.to_string()),
        ],
    );
    fitted
}

/// Has the model write these slots anew. What an engine cannot do is no reason to lose what is there: it is composed.
async fn repair(task: &Task<'_>, ground: &Ground<'_>, anew: &[String], (draft, spent): (&mut Draft, &mut Spent)) {
    let parts = ground.standard.form.only(anew, draft.written());
    match fill(task, ground, parts, Pass::Repair, &EventSink::none()).await {
        Ok((repair, usage)) => {
            spent.add(usage);
            draft.take(repair);
        }
        Err(error) => tracing::warn!(dream = %task.dream.id, %error, "parts of a reading could not be written anew"),
    }
}

/// What mood and feelings a second sample names, where there are no readings through other lenses to compare with.
async fn second_look(task: &Task<'_>, ground: &Ground<'_>, draft: &Draft, spent: &mut Spent) -> Option<Look> {
    if !task.others.is_empty() {
        return None;
    }
    let again = ground.standard.form.only(&SAMPLED_AGAIN.map(str::to_owned), draft.written());
    match fill(task, ground, again, Pass::SecondLook, &EventSink::none()).await {
        Ok((second, usage)) => {
            spent.add(usage);
            second.mood(ground.wording).map(|mood| Look::new(mood, &second.emotions(ground.wording)))
        }
        Err(error) => {
            tracing::warn!(dream = %task.dream.id, %error, "no second sample could be taken");
            None
        }
    }
}

/// How long judging takes, over all its parts.
#[derive(Default)]
struct Judging(Duration);

impl Judging {
    fn of<T>(&mut self, judge: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let judged = judge();
        self.0 += begun.elapsed();
        judged
    }
}

fn check_step(reading: &Reading, judging: Judging, steps: &mut Steps) {
    let mut reasons: Vec<&'static str> = reading.left_out.iter().map(|reason| reason.name()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let (given, kept) = reading.quotes;
    steps.end_after(
        judging.0,
        StepName::Check,
        if reading.left_out.is_empty() { StepOutcome::Done } else { StepOutcome::Repaired },
        &[
            ("quotes_offered", given.to_string()),
            ("quotes_kept", kept.to_string()),
            ("removed", reading.left_out.len().to_string()),
            ("reasons", reasons.join(", ")),
            ("composed", reading.composed.join(", ")),
        ],
    );
}

/// How likely the reading holds.
fn confidence(task: &Task<'_>, form: &Form, reading: &Reading, looks: &[Look], steps: &mut Steps) -> f32 {
    let (given, kept) = reading.quotes;
    let prose = reading.prose();
    let signals = Signals {
        grounding: checks::share(kept, given),
        agreement: Look::new(reading.mood, &reading.emotions).agreement_with(looks).unwrap_or(0.5),
        completeness: reading.completeness(form),
        repetition: checks::repetition(&prose),
        length: checks::share(task.dream.text.unicode_words().count().min(60), 60),
        echo: checks::echo(&prose, &task.dream.text),
        full: task.reader.depth().pick(0.0, 1.0),
        chosen: if form.is_chosen { 1.0 } else { 0.0 },
        known: checks::share(reading.symbols.iter().filter(|symbol| symbol.tradition.is_some()).count(), reading.symbols.len()),
        sure: task.findings.feelings.share_of(reading.mood),
    };
    let confidence = Weights::embedded().confidence(&signals);
    let facts = serde_json::to_value(signals).unwrap_or_default();
    let facts =
        facts.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), format!("{:.2}", value.as_f64().unwrap_or_default())));
    steps.end(StepName::Confidence, StepOutcome::Done, &facts.collect::<Vec<_>>());
    confidence
}

fn interpretation(task: &Task<'_>, ground: &Ground<'_>, reading: Reading, confidence: f32, made: (TokenCounts, Steps)) -> Interpretation {
    let (tokens, mut steps) = made;
    // Under which key it is kept: the same again comes from there.
    let key = [&version(task.prompts, task.lore), task.language, &task.reader.id, &task.findings.context()].join(" ");
    steps.end(StepName::Storage, StepOutcome::Done, &[("key", key.trim_end().to_owned())]);
    let (given, kept) = reading.quotes;
    let sources = task.lens.sources.iter().filter_map(|id| task.lore.source(id)).map(Source::from);
    let own = Source { kind: "dream".into(), reference: task.dream.id.to_string() };
    let caution = &task.lens.wording(task.language).caution;
    Interpretation {
        title: reading.title,
        summary: reading.summary,
        interpretation: reading.interpretation,
        symbols: reading.symbols,
        emotions: reading.emotions,
        mood: reading.mood,
        archetypes: reading.archetypes,
        advice: reading.advice,
        questions: reading.questions,
        confidence,
        confidence_level: ConfidenceLevel::of(confidence),
        sources: [own].into_iter().chain(sources).collect(),
        lens: task.lens.id.clone(),
        language: task.language.to_owned(),
        model: task.reader.id.clone(),
        prompt_version: version(task.prompts, task.lore),
        tokens,
        latency_ms: u64::try_from(task.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        cached: false,
        grounding: checks::share(kept, given),
        notices: notices(task, ground),
        said: ground.wording.said.iter().chain([caution]).filter(|sentence| !sentence.is_empty()).cloned().collect(),
        composed: reading.composed,
        steps: steps.finish(),
    }
}

/// What makes readings of one dream through one lens by one model the same: the prompts and what they lean on.
pub fn version(prompts: &Prompts, lore: &Lore) -> String {
    format!("{}-{}", prompts.version(), lore.version())
}

fn notices(task: &Task<'_>, ground: &Ground<'_>) -> Vec<String> {
    let mut notices = Vec::new();
    if task.language != task.dream_language {
        let (dream, answer) = (language::name(task.dream_language), language::name(task.language));
        notices.push(format!("No model here writes {dream}, the language of this dream, so the reading is in {answer}."));
    }
    if !text_kind::reads_as_dream(&task.dream.text) {
        notices.push(ground.wording.no_dream.clone());
    }
    if let Some(choices) = ground.standard.choices {
        notices.push(choices.chosen.notice.clone());
    }
    if ground.fitted.shortened {
        notices.push(ground.wording.shortened.clone());
    }
    notices
}

fn sampling(task: &Task<'_>, pass: Pass) -> Sampling {
    // Cooler than usual: tiny models drift above 0.6, copy the examples at 0, and loop without a penalty. A second look is to show
    // what else the model might have said.
    let (number, temperature) = match pass {
        Pass::First => (1, 0.45),
        Pass::Repair => (2, 0.35),
        Pass::SecondLook => (3, 0.7),
    };
    // The low bits of a version 7 id are random: as good a seed as any, and the same for the same dream.
    let seed = u32::try_from(task.dream.id.as_u128() & u128::from(u32::MAX)).unwrap_or_default().wrapping_add(number);
    Sampling { seed, temperature, min_p: 0.1, ..Sampling::default() }
}

/// One pass of the model over a form, or over parts of it.
async fn fill(
    task: &Task<'_>,
    ground: &Ground<'_>,
    parts: Vec<FormPart>,
    pass: Pass,
    sink: &EventSink,
) -> Result<(Draft, GenerationUsage), EngineError> {
    let request = GenerationRequest { prompt: ground.fitted.prompt.clone(), form: parts, sampling: sampling(task, pass) };
    let mut events = task.reader.engine.generate(request, task.asker.clone());
    let mut draft = Draft::default();
    let mut telling = Telling::new(&ground.standard, sink);
    while let Some(event) = events.recv().await {
        match event? {
            GenerationEvent::Waiting(wait) => sink.send(ReadingEvent::Waiting(wait.into())),
            GenerationEvent::Delta { slot, text, .. } if is_prose(&slot) => telling.more(&slot, &text),
            GenerationEvent::Delta { .. } | GenerationEvent::Reading { .. } => {}
            GenerationEvent::SlotFinished { slot, text, .. } => {
                let field = draft.put(ground.standard.form, slot.clone(), &text);
                telling.ended(&slot, &field, draft.mood(ground.wording));
            }
            GenerationEvent::Finished(usage) => return Ok((draft, usage)),
        }
    }
    Err(EngineError::Died("it ended its answer early".into()))
}
