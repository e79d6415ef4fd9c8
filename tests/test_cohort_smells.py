"""Telling by a column's name that it may be an outcome or a test result."""

import pytest

from blues.cohort.guess import guess_column


@pytest.mark.parametrize(
    "name",
    """SARSCoV2 sarscov2_pcr ICUdays icudays days_on_ICU PCRresult rtpcr RT-PCR NAAT outcome30 finaloutcome endpoint Endpunkt
    exitus letal Todesdatum deathdate timetodeath mortality30 Verweildauer KH-Tage krankenhaustage hospital_days
    time_in_hospital
    O2_Tage Hauptdiagnose Entlassdiagnose clinicaldiagnosis icd10 dx final_dx corona ward Station NIV hfnc who_scale max_who
    dialysis recovered genesen nach_Hause remdesivir Komplikation PE_confirmed CT_severity Roentgen""".split(),
)
def test_outcomes_and_tests_are_known_however_their_names_are_written(name):
    guess = guess_column(name, ["0", "1"] * 12)
    assert guess.settings["role"] == "excluded"
    assert guess.decide[0].startswith("this looks like")


@pytest.mark.parametrize(
    "name",
    """gestation particular glucose index indexed metal skeletal university disease latest closest weight_loss loss_of_taste
    diabetes covariate forward toddler peaks maximal_pain SpO2 D-Dimer HbA1c cTnI dx_his_smoke area smokingstatus reason units
    visits intestinal stationary protest sarcoidosis losartan maskless Metastasen""".split(),
)
def test_words_that_only_hold_the_letters_of_an_outcome_may_predict(name):
    assert guess_column(name, ["0", "1"] * 12).settings["role"] in ("clinical", "blood")


@pytest.mark.parametrize(
    "name",
    """Durée du séjour|Durée de séjour|DMS|Date de sortie|Soins intensifs|USI|USC|VNI|OHD|Oxygénothérapie|Traitement|Décès|
    Días de estancia|Fecha de alta|Estado al alta|fallecido|UCI|ventilación|oxigenoterapia|Tratamiento|
    Dias de internação|internamento|Data da alta|Óbito|UTI|ventilação|Degenza|Data di dimissione|decesso|
    terapia intensiva|Ventilazione meccanica|ossigenoterapia|Giorni di ricovero|Ligduur|opnameduur (dagen)|overleden|
    beademing|IC-opname|Ontslagdatum|zuurstoftherapie|Sauerstofftherapie|jours de ventilation|
    Antigène|Antígeno|Sérologie|serología|Scanner thoracique|TDM|Gravité""".replace("\n", "").split("|"),
)
def test_outcomes_and_tests_are_known_in_other_languages(name):
    guess = guess_column(name.strip(), ["0", "1"] * 12)
    assert guess.settings["role"] == "excluded"
    assert guess.decide[0].startswith("this looks like")


@pytest.mark.parametrize(
    "name",
    """Dyspnée|Fièvre|Fumeur|Durée des symptômes|Días de síntomas|Presión arterial alta|tensión alta|
    Fréquence cardiaque|Saturation|Talla|Koorts|Hoesten|Febbre|Tosse|got_vaccine|
    history of UTI|recurrent UTI|fever due to UTI|illicit drugs|UTI_last_year|
    Behandlung vor Aufnahme|Behandlung zu Hause|home_oxygen_therapy|
    treatment before admission|terapia domiciliare|terapia antipertensiva|traitement habituel|traitement à domicile|
    tratamiento habitual|ossigenoterapia domiciliare|evolution of symptoms|Évolution des symptômes|Trasferrina|Transferrin|
    scanner|Scanner type|Schweregrad Dyspnoe|Dyspnoe-Schweregrad|Schweregrad der Dyspnoe""".replace("\n", "").split(
        "|"
    ),
)
def test_findings_at_admission_and_what_lay_before_may_predict_in_any_language(name):
    assert guess_column(name.strip(), ["0", "1"] * 12).settings["role"] == "clinical"


@pytest.mark.parametrize(
    "name",
    """Dias na UTI|dias_UTI|UTI dias|Tempo de UTI|Admissão na UTI|transferência UTI|UTIdias|transferred|trasferito|
    trasferimento|thorax scanner|scanner du thorax|scanner TDM|Évolution|Schweregrad|
    Behandlung|treatment|home_therapy_outcome|sent home|
    sent home with treatment|terapia intensiva domiciliare|discharged on usual treatment|drug|therapy""".replace(
        "\n", ""
    ).split("|"),
)
def test_stays_and_treatments_are_outcomes_beside_words_that_mean_less(name):
    assert guess_column(name.strip(), ["0", "1"] * 12).settings["role"] == "excluded"


@pytest.mark.parametrize(
    "name",
    [
        "D-Dimere (mg/l)",
        "D-dimères",
        "Ferritine",
        "GPT",
        "GOT (U/l)",
        "Gamma-GT",
        "γ-GT",
        "TGO",
        "Dímero D",
        "Lactates",
    ],
)
def test_blood_tests_are_known_however_their_names_are_written(name):
    assert guess_column(name, [f"{i}.5" for i in range(20)]).settings["role"] == "blood"
