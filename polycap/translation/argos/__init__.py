"""Engine Argos: packages of Argos Translate, computed with CTranslate2."""
