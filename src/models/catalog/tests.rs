use super::*;

#[test]
fn the_starter_serves_english_russian_and_arabic_and_everything_of_it_is_pinned() {
    let catalog = Catalog::embedded().unwrap();
    let ids: Vec<_> = catalog.profile(Profile::Starter).iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["smollm2-135m-instruct", "gemma3-270m", "multilingual-e5-small", "whisper-base", "postgresql-18"]);
    assert_eq!(catalog.language_model(Profile::Starter, "en").unwrap().id, "smollm2-135m-instruct");
    assert_eq!(catalog.language_model(Profile::Starter, "ru").unwrap().id, "gemma3-270m");
    assert_eq!(catalog.language_model(Profile::Starter, "ar").unwrap().id, "gemma3-270m");
    for entry in catalog.profile(Profile::Starter) {
        assert!(entry.sources.iter().any(|source| matches!(source, Source::Pip(_))), "{} has no mirror", entry.id);
    }
}

#[test]
fn every_profile_has_text_vectors_speech_and_a_database() {
    let catalog = Catalog::embedded().unwrap();
    for profile in [Profile::Starter, Profile::Cpu8g, Profile::Cpu16g, Profile::Gpu8g, Profile::Gpu24g] {
        let entries = catalog.profile(profile);
        for kind in [ArtifactKind::Llm, ArtifactKind::Embedding, ArtifactKind::Asr, ArtifactKind::Database] {
            assert!(entries.iter().any(|entry| entry.kind == kind), "{profile} has no {kind:?}");
        }
        for language in ["en", "ru", "ar"] {
            assert!(catalog.language_model(profile, language).is_some(), "{profile} does not speak {language}");
        }
    }
}

#[test]
fn an_extension_adds_and_replaces_and_a_wrong_one_is_refused_by_name() {
    let mut catalog = Catalog::embedded().unwrap();
    let entry = |id: &str, file: &str| {
        format!(
            "[[artefacts]]\nid = {id:?}\nkind = \"llm\"\nformat = \"gguf\"\ntitle = \"t\"\nfile = {file:?}\nsources = []\n\
             licence = {{ spdx = \"MIT\", url = \"x\" }}\n"
        )
    };
    catalog.extend("mine.toml", &entry("smollm2-135m-instruct", "other.gguf")).unwrap();
    assert_eq!(catalog.entry("smollm2-135m-instruct").unwrap().file, "other.gguf");
    for (id, file) in [("../x", "a"), ("x", "../a"), ("x", "a/b"), ("x", ""), ("x", "manifest.json"), ("X", "a"), ("", "a")] {
        let error = catalog.extend("mine.toml", &entry(id, file)).unwrap_err();
        assert!(error.to_string().contains("mine.toml"), "{error}");
    }
}
