//! The rules alone, on sentences of our own: each of the languages, each of the topics, and what is none of them.

use super::*;
use crate::engine::{Asker, fakes::FakeEmbedder};

fn check() -> CareCheck {
    CareCheck::new(Resources::embedded())
}

async fn all_are(language: &str, topic: Option<CareTopic>, texts: &[&str]) {
    let check = check();
    for text in texts {
        assert_eq!(check.look(text, language, None).await, topic, "{text}");
    }
}

#[tokio::test]
async fn somebody_awake_is_heard_in_english() {
    let self_harm = [
        "I want to die.",
        "i cant go on living like this anymore, i just want to end it",
        "I dreamed of my grandmother. When I woke up I decided to take all my pills tonight.",
        "Every night I hope that I won't wake up in the morning",
        "My family would be better off without me.",
        "I've started cutting my arms again.",
    ];
    all_are("en", Some(CareTopic::SelfHarm), &self_harm).await;
    let abuse = ["My husband beats me.", "My stepfather comes into my room at night and touches me.", "He won't let me leave the house."];
    all_are("en", Some(CareTopic::Abuse), &abuse).await;
    let others = ["I'm going to kill my boss tomorrow.", "That was the dream. Awake I keep thinking about stabbing my brother."];
    all_are("en", Some(CareTopic::HarmToOthers), &others).await;
}

#[tokio::test]
async fn somebody_awake_is_heard_in_russian() {
    let self_harm = [
        "Я хочу умереть.",
        "не хочу больше жить",
        "Снилась бабушка. Проснулась и решила: сегодня выпью все таблетки.",
        "Каждый вечер надеюсь, что утром не проснусь",
        "Всем будет лучше без меня.",
        "Я опять режу руки.",
    ];
    all_are("ru", Some(CareTopic::SelfHarm), &self_harm).await;
    let abuse = ["Муж меня бьёт.", "Отчим приходит ко мне в комнату по ночам и трогает меня.", "Он не выпускает меня из дома."];
    all_are("ru", Some(CareTopic::Abuse), &abuse).await;
    let others = ["Завтра я убью начальника.", "Это был сон. А наяву я всё время думаю, как зарезать брата."];
    all_are("ru", Some(CareTopic::HarmToOthers), &others).await;
}

#[tokio::test]
async fn somebody_awake_is_heard_in_arabic_and_its_dialects() {
    let self_harm = [
        "أريد أن أموت.",
        "مش عايز اعيش تاني",
        "بدي موت، تعبت من حياتي",
        "ابي انهي حياتي",
        "حلمت بجدتي. صحيت وقررت أن أنتحر الليلة.",
        "الكل رح يرتاح من غيري",
        "بجرح نفسي كل ليلة",
    ];
    all_are("ar", Some(CareTopic::SelfHarm), &self_harm).await;
    let abuse = ["زوجي يضربني.", "جوز امي بيدخل اوضتي بالليل ويلمسني", "ابوي يحبسني بالغرفة ويضربني"];
    all_are("ar", Some(CareTopic::Abuse), &abuse).await;
    let others = ["غدا سأقتل مديري.", "عايز اقتل اخويا وعارف هو ساكن فين"];
    all_are("ar", Some(CareTopic::HarmToOthers), &others).await;
}

#[tokio::test]
async fn death_in_a_dream_is_not_intent() {
    let english = [
        "I dreamed that I killed myself and turned into a bird.",
        "In my dream I wanted to die, and then there was a garden.",
        "I dreamed that my husband beat me. In real life he is gentle.",
        "In the nightmare I was going to kill my brother with a spoon.",
        "I jump from the roof and fly over the town, and then I wake up.",
        "My mother died in my dream and I woke up crying.",
    ];
    all_are("en", None, &english).await;
    let russian = [
        "Мне снилось, что я убила себя и стала птицей.",
        "Во сне я хотел умереть, а потом был сад.",
        "Приснилось, что муж меня бьёт. В жизни он добрый.",
        "В кошмаре я собирался убить брата ложкой.",
        "Прыгаю с крыши и лечу над городом, а потом просыпаюсь.",
        "Во сне умерла мама, я проснулась в слезах.",
    ];
    all_are("ru", None, &russian).await;
    let arabic = [
        "حلمت أني قتلت نفسي وصرت طائرا.",
        "في المنام أردت أن أموت ثم رأيت حديقة.",
        "حلمت إن جوزي بيضربني، وهو في الحقيقة طيب",
        "أقفز من السطح وأطير فوق المدينة ثم أستيقظ.",
        "ماتت أمي في الحلم واستيقظت باكيا.",
    ];
    all_are("ar", None, &arabic).await;
}

#[tokio::test]
async fn turns_of_speech_denials_grief_and_films_are_nothing() {
    let english = [
        "I could kill for a coffee, and I dreamed of a river.",
        "This exam is killing me.",
        "I don't want to hurt myself, it was only a dream.",
        "My father died last year and I miss him.",
        "I watched a film about a murder before I went to sleep.",
        "My brother beat me at chess again.",
    ];
    all_are("en", None, &english).await;
    let russian = [
        "Умираю от смеха, такой был сон.",
        "Я не собираюсь себя убивать, это только сон.",
        "Папа умер в прошлом году, скучаю.",
        "Смотрели фильм про убийство на ночь.",
    ];
    all_are("ru", None, &russian).await;
    let arabic = [
        "هموت من الضحك",
        "لا أفكر في الانتحار أبدا، كان حلما فقط.",
        "توفي أبي العام الماضي وأشتاق إليه.",
        "شاهدت فيلما عن جريمة قتل قبل النوم.",
    ];
    all_are("ar", None, &arabic).await;
}

#[tokio::test]
async fn another_language_than_the_one_told_is_heard() {
    let russian = ["Мне снилось море. Проснулась. Я хочу умереть, не могу больше.", "I dreamed of a house by the sea. Я хочу умереть."];
    all_are("en", Some(CareTopic::SelfHarm), &russian).await;
    all_are("en", Some(CareTopic::SelfHarm), &["أريد أن أموت."]).await;
    all_are("ru", Some(CareTopic::SelfHarm), &["Снилось море. I want to die."]).await;
    all_are("ar", Some(CareTopic::Abuse), &["My husband beats me."]).await;
    all_are("en", None, &["Мне снилось, что я убила себя и стала птицей.", "حلمت أني قتلت نفسي وصرت طائرا."]).await;
}

#[tokio::test]
async fn a_clause_beside_the_dream_is_awake() {
    let english = [
        "I had a dream about the ocean and a lighthouse and I want to kill myself",
        "Dreamed of water again and I cut myself every night",
        "I had a dream about my old house, but I want to die.",
        "I had a dream about a river and wish I was dead.",
    ];
    all_are("en", Some(CareTopic::SelfHarm), &english).await;
    all_are("en", Some(CareTopic::Abuse), &["My dream was nice but my husband hit me yesterday and he beats me every day"]).await;
    let russian = ["Снилось море, а я хочу умереть", "Снилось море, а я каждый день режу руки", "Приснилось море, а я хочу умереть."];
    all_are("ru", Some(CareTopic::SelfHarm), &russian).await;
    all_are("ru", Some(CareTopic::Abuse), &["Снилось море, но муж бьёт меня каждый день."]).await;
    let arabic = ["حلمت بالبحر، وأنا أريد أن أموت", "حلمت بالبحر وأنا أريد أن أموت", "حلمت بأمي ولا أريد أن أعيش"];
    all_are("ar", Some(CareTopic::SelfHarm), &arabic).await;
}

#[tokio::test]
async fn what_is_joined_to_a_dream_may_be_dreamed() {
    let english = [
        "I dreamed that my husband hits me and I want to die in it.",
        "I dreamed I was a knight and I want to kill the dragon.",
        "I had a dream about a tower and I decided to jump from it.",
        "I had a dream about a castle and my brother hit me with a cushion and we laughed.",
        "My nightmare: my husband beats me and I cannot scream.",
    ];
    all_are("en", None, &english).await;
    let russian = ["Приснилось, что муж меня бьёт и я хочу умереть.", "Снилась башня, и я хотела прыгнуть вниз."];
    all_are("ru", None, &russian).await;
    all_are("ar", None, &["حلمت أن زوجي يضربني وأريد أن أموت."]).await;
}

#[tokio::test]
async fn waking_within_a_dream_and_lying_in_a_coffin_are_dreamed() {
    let english = [
        "In my dream I woke up in a hospital. The nurse locked me in and she hits me.",
        "I lay in my coffin and everybody sang. I had taken all the pills. My grandmother, long dead, laughed.",
        "I dreamed I was a knight. I decided to kill my brother tomorrow at dawn.",
    ];
    all_are("en", None, &english).await;
    all_are("ru", None, &["Я лежала в гробу. Я выпила все таблетки.", "Во сне я проснулась в больнице. Медсестра меня бьёт."]).await;
    all_are("ar", None, &["في الحلم استيقظت في مستشفى. الممرضة تضربني.", "كنت ممددا في نعشي. شربت كل الحبوب."]).await;
    let awake = [
        "In my dream I woke up in a hospital. Then I really woke up. My husband beats me.",
        "I had a nightmare and woke up crying. My husband beats me.",
    ];
    all_are("en", Some(CareTopic::Abuse), &awake).await;
    let wishes = ["I was dead in my grave. I want to kill myself.", "I dreamed of my mother. I want to die."];
    all_are("en", Some(CareTopic::SelfHarm), &wishes).await;
}

#[tokio::test]
async fn a_long_text_is_a_dreams_story_until_it_says_awake() {
    let walk = "We walked through the town and the houses were made of paper and my brother carried a lamp that nobody had lit. ".repeat(4);
    for end in ["He grabs my leg and she hurt me back.", "He will kill me. He locked me in.", "They were going to kill us."] {
        all_are("en", None, &[&format!("{walk}{end}")]).await;
    }
    // A story that only woke for a moment goes on.
    all_are("en", None, &[&format!("{walk}I woke up in a red bed. {walk}My brother hit me and they punched me.")]).await;
    let awake = [
        "In real life I want to die.",
        "Then I woke up. I cannot go on living like this.",
        "When I woke up I took all the pills.",
        "These days I think about killing myself every night.",
    ];
    for end in awake {
        all_are("en", Some(CareTopic::SelfHarm), &[&format!("{walk}{end}")]).await;
    }
    let hurt = "Today my husband hit me again and I do not know where to go. He beats me every day. ";
    all_are("en", Some(CareTopic::Abuse), &[&format!("{walk}{hurt}"), &hurt.repeat(4)]).await;
    let (russian, arabic) = ("Мы шли по городу, и дома были из бумаги. ".repeat(8), "مشينا في المدينة وكانت البيوت من ورق. ".repeat(10));
    all_are("ru", Some(CareTopic::SelfHarm), &[&format!("{russian}Проснулась. Я хочу умереть.")]).await;
    all_are("ru", None, &[&format!("{russian}Брат ударил меня, и я бежала.")]).await;
    all_are("ar", Some(CareTopic::SelfHarm), &[&format!("{arabic}ثم استيقظت. أريد أن أموت.")]).await;
    all_are("ar", None, &[&format!("{arabic}ضربني رجل وهربت.")]).await;
}

#[tokio::test]
async fn everyday_words_of_dreams_are_nothing() {
    let english = [
        "I am ready to go home.",
        "I follow him down the hall.",
        "A kitten follows me everywhere.",
        "I have a date with somebody I do not know.",
        "He kisses me and we dance.",
        "He was going to die.",
        "The people there do not exist.",
        "I hit my head on the shelf.",
    ];
    all_are("en", None, &english).await;
}

#[tokio::test]
async fn what_is_said_in_a_roundabout_way_is_heard() {
    let english = ["I can't feel safe around myself.", "I have said all my goodbyes.", "kms tomorrow", "Please don't let me wake up again"];
    all_are("en", Some(CareTopic::SelfHarm), &english).await;
    all_are("en", Some(CareTopic::Abuse), &["I'm terrified that he'll hit me.", "He decides when I may sleep."]).await;
    all_are("ru", Some(CareTopic::SelfHarm), &["Я уже со всеми попрощалась.", "Пусть это будет последний раз, когда я сплю."]).await;
    all_are("ar", Some(CareTopic::SelfHarm), &["بفكر احط حد لحياتي", "ربطت الحبل"]).await;
}

#[tokio::test]
async fn a_text_without_words_and_a_model_that_tells_nothing_change_nothing() {
    all_are("en", None, &["", "…", "!!! ---", "\u{200f}"]).await;
    let engine = FakeEmbedder { dimensions: 8 };
    let embedder = || Some(CareEmbedder { model_id: "letters", engine: &engine, asker: Asker::named("somebody") });
    let check = check();
    assert_eq!(check.look("I want to die.", "en", embedder()).await, Some(CareTopic::SelfHarm));
    assert_eq!(check.look("I dreamed of a river.", "en", embedder()).await, None);
}

#[tokio::test]
async fn a_long_text_is_read_in_milliseconds() {
    let check = check();
    let text = "I was walking along the river with my brother, and the water was red. ".repeat(57);
    assert_eq!(check.look(&text, "en", None).await, None);
    let started = std::time::Instant::now();
    assert_eq!(check.look(&text, "en", None).await, None);
    // A few milliseconds when nothing else runs; tests run beside each other.
    assert!(started.elapsed() < std::time::Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(check.look(&"a".repeat(4000), "en", None).await, None);
}

#[test]
fn the_message_is_in_the_readers_language_with_their_country_first() {
    let check = check().of_country(Some("DE".into()));
    let message = check.message(Some(CareTopic::Abuse), "ru", None);
    assert_eq!((message.language.as_str(), message.country.as_deref()), ("ru", Some("DE")));
    assert_eq!(message.resources[0].country, "DE");
    assert_eq!(check.message(None, "pl", Some("ie")).resources[0].country, "IE");
    let page = check.page("ar", None);
    assert!(page.countries.contains(&"EG".to_owned()) && page.message.language == "ar");
    assert!(!check.comes_instead() && super::check::CareCheck::new(Resources::embedded()).instead_of_readings(true).comes_instead());
}
