use super::*;
use crate::engine::parse::LayerShape;

const MIB: u64 = 1 << 20;

/// As large as a model of eight billion weights at four bits.
fn large() -> ModelShape {
    let layer = LayerShape { weight_bytes: 110 * MIB, key_width: 1024, value_width: 1024, state_width: 0, feed_forward_length: 12_288 };
    ModelShape {
        embedding_length: 4096,
        vocabulary: 151_936,
        heads: 32,
        experts_used: 1,
        embedding_bytes: 350 * MIB,
        output_bytes: 500 * MIB,
        layers: vec![layer; 36],
        ..ModelShape::default()
    }
}

fn on_processor(available_mib: u64) -> Machine {
    Machine { available_bytes: available_mib * MIB, gpu: None }
}

fn with_gpu(available_mib: u64, gpu_mib: u64) -> Machine {
    Machine { available_bytes: available_mib * MIB, gpu: Some(GpuMemory { available_bytes: Some(gpu_mib * MIB) }) }
}

fn planned(machine: Machine, wish: Wish) -> Result<Plan, FitError> {
    plan(&Facts { shape: &large(), trained_context_length: Some(40_960) }, &machine, &wish)
}

fn refused(machine: Machine, wish: Wish) -> Misfit {
    match planned(machine, wish) {
        Err(FitError::Misfit(misfit)) => *misfit,
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn a_token_in_the_cache_costs_what_its_keys_and_values_do() {
    let plan = planned(on_processor(100_000), Wish::default()).unwrap();
    // 36 layers, two times 1,024 numbers of two bytes, 8,192 tokens.
    assert_eq!(plan.memory.cache, 36 * 2 * 1024 * 2 * 8192);
    let eight = planned(on_processor(100_000), Wish { cache_type: CacheType::Q8_0, ..Wish::default() }).unwrap();
    assert_eq!(eight.memory.cache, plan.memory.cache / 64 * 34);
    assert_eq!(plan.memory.weights, large().weight_bytes());
}

#[test]
fn a_context_is_never_longer_than_the_model_was_trained_for() {
    let wish = Wish { context_length: Some(1_000_000), ..Wish::default() };
    assert_eq!(planned(on_processor(100_000), wish).unwrap().context_length, 40_960);
}

#[test]
fn what_does_not_fit_is_refused_with_what_would_and_that_does() {
    let wish = Wish { context_length: Some(32_768), ..Wish::default() };
    let machine = on_processor(8000);
    let misfit = refused(machine, wish);
    assert_eq!(misfit.place, Place::Memory);
    assert!(misfit.remedies.len() >= 2, "{misfit:?}");
    for remedy in &misfit.remedies {
        let (smaller, larger) = match *remedy {
            Remedy::ContextLength(tokens) => {
                (Wish { context_length: Some(tokens), ..wish }, Some(Wish { context_length: Some(tokens + CONTEXT_STEP), ..wish }))
            }
            Remedy::CacheType(cache_type) => (Wish { cache_type, ..wish }, None),
            other => panic!("an odd remedy {other:?}"),
        };
        assert!(planned(machine, smaller).is_ok(), "{remedy:?} does not fit");
        assert!(larger.is_none_or(|larger| planned(machine, larger).is_err()), "{remedy:?} is not the longest");
    }
    let text = misfit.to_string();
    assert!(text.contains("32768 tokens") && text.contains("`context_length = ") && text.contains("`cache_type = \""), "{text}");
}

#[test]
fn where_no_context_fits_a_smaller_model_is_advised() {
    let misfit = refused(on_processor(3000), Wish::default());
    assert!(misfit.remedies.is_empty() && misfit.to_string().contains("smaller model"), "{misfit}");
}

#[test]
fn as_many_layers_go_to_the_gpu_as_fit_on_it() {
    let whole = planned(with_gpu(100_000, 24_000), Wish::default()).unwrap();
    assert_eq!(whole.gpu_layers, 37);
    assert!(whole.memory.cache == 0 && whole.memory.weights == 350 * MIB, "the table from tokens stays: {whole:?}");
    let half = planned(with_gpu(100_000, 3000), Wish::default()).unwrap();
    assert!((5..37).contains(&half.gpu_layers) && half.gpu_memory.total() <= 3000 * MIB, "{half:?}");
    let one_more = planned(with_gpu(100_000, 3000), Wish { gpu_layers: Some(half.gpu_layers + 1), ..Wish::default() });
    let Err(FitError::Misfit(misfit)) = one_more else { panic!("one layer more fits, too") };
    assert!(misfit.place == Place::Gpu && misfit.remedies.contains(&Remedy::GpuLayers(half.gpu_layers)), "{misfit:?}");
    let unknown = Machine { gpu: Some(GpuMemory { available_bytes: None }), ..on_processor(100_000) };
    assert_eq!(planned(unknown, Wish::default()).unwrap().gpu_layers, 37);
}

#[test]
fn recurrent_layers_cost_by_slot_and_fewer_slots_are_offered() {
    let layer = LayerShape { weight_bytes: MIB, state_width: 8 * MIB, ..LayerShape::default() };
    let shape = ModelShape { embedding_length: 64, vocabulary: 1000, layers: vec![layer; 10], ..ModelShape::default() };
    let facts = Facts { shape: &shape, trained_context_length: None };
    let state = 8 * MIB * 4 * 10;
    let plan_of = |slots: u16, machine| plan(&facts, &machine, &Wish { slots: Some(slots), ..Wish::default() });
    // Eight in use and twenty-four kept.
    let memory = plan_of(8, on_processor(100_000)).unwrap().memory;
    assert_eq!((memory.states, memory.kept), (8 * state, 24 * state));
    let Err(FitError::Misfit(misfit)) = plan_of(8, on_processor(29 * 320 + 100)) else { panic!("eight fit where five do") };
    assert_eq!(misfit.remedies, [Remedy::Slots(5)]);
}

#[test]
fn a_header_that_lies_is_told_apart_from_a_large_model() {
    let layer = LayerShape { key_width: u64::MAX / 2, value_width: u64::MAX, ..LayerShape::default() };
    for shape in [
        ModelShape { layers: vec![layer], ..large() },
        ModelShape { experts_used: u64::MAX, ..large() },
        ModelShape { embedding_bytes: u64::MAX, ..large() },
        ModelShape { layers: vec![LayerShape { state_width: u64::MAX / 3, ..LayerShape::default() }], ..large() },
    ] {
        let outcome = plan(&Facts { shape: &shape, trained_context_length: None }, &on_processor(100_000), &Wish::default());
        assert!(matches!(outcome, Err(FitError::Impossible)), "{outcome:?}");
    }
}

#[test]
fn slots_that_nobody_asked_for_are_as_many_as_there_is_memory_for() {
    let mut shape = large();
    // A recurrent layer keeps a state of each conversation, however short.
    shape.layers.iter_mut().for_each(|layer| layer.state_width = 4 << 20);
    let facts = Facts { shape: &shape, trained_context_length: Some(40_960) };
    let slots_with = |machine, wish| plan(&facts, &machine, &wish).map(|plan| plan.slots);
    let plenty = on_processor(200_000);
    let needed = plan(&facts, &plenty, &Wish::default()).unwrap();
    assert_eq!(needed.slots, 8);
    let short = Machine { available_bytes: needed.memory.total() - 1, gpu: None };
    assert_eq!(slots_with(short, Wish::default()).unwrap(), 4);
    assert!(matches!(slots_with(short, Wish { slots: Some(8), ..Wish::default() }), Err(FitError::Misfit(_))), "eight were asked for");
}
