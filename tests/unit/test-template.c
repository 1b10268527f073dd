/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-util.h"
#include "template.h"
#include "test.h"

static const char document[] =
        "{\"Name\": \"web\", \"Id\": \"abc\", \"Count\": 3, \"On\": true, \"Off\": false, \"None\": null,"
        "\"Command\": [\"sh\", \"-c\", \"x y\"], \"Empty\": [],"
        "\"Labels\": {\"a\": \"1\", \"b.c\": \"2\"}, \"State\": {\"Pid\": 42, \"Status\": \"running\"},"
        "\"Nets\": [{\"Name\": \"n1\", \"IP\": \"10.0.0.1\"}, {\"Name\": \"n2\", \"IP\": \"10.0.0.2\"}]}";

static char *execute(const char *text, Error *error) {
        _cleanup_json_ json_t *value = json_loads(document, 0, NULL);
        _cleanup_(template_freep) Template *template = NULL;
        _cleanup_(string_buffer_done) StringBuffer out = {};

        CHECK(value);
        if (template_parse(text, &template, error) < 0 || template_execute(template, value, &out, error) < 0)
                return NULL;
        return out.data ? TAKE_PTR(out.data) : strdup("");
}

static void test_output(void) {
        static const char *const cases[][2] = {
                { "{{.Name}}", "web" },
                { "plain", "plain" },
                { "", "" },
                { "{{.Name}}\\t{{.Id}}\\n", "web\tabc\n" },
                { "{{ .State.Pid }}/{{.State.Status}}", "42/running" },
                { "{{json .Command}}", "[\"sh\",\"-c\",\"x y\"]" },
                { "{{.Command | json}}", "[\"sh\",\"-c\",\"x y\"]" },
                { "{{json .}}", NULL },
                { "{{join .Command \" \"}}", "sh -c x y" },
                { "{{.Command}} {{.Labels}} {{.Empty}}", "[sh -c x y] map[a:1 b.c:2] []" },
                { "{{index .Command 0}} {{index .Labels \"b.c\"}}", "sh 2" },
                { "{{(index .Nets 1).IP}}", "10.0.0.2" },
                { "{{range .Nets}}{{.Name}}={{.IP}} {{end}}", "n1=10.0.0.1 n2=10.0.0.2 " },
                { "{{range $i, $n := .Nets}}{{$i}}:{{$n.Name}},{{end}}", "0:n1,1:n2," },
                { "{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b.c=2;" },
                { "{{range .Empty}}x{{else}}none{{end}}", "none" },
                { "{{if .On}}yes{{else}}no{{end}}{{if .Off}}yes{{else}}no{{end}}", "yesno" },
                { "{{if eq .Count 1}}1{{else if eq .Count 3}}3{{else}}?{{end}}", "3" },
                { "{{if and .On (not .Off)}}ok{{end}}", "ok" },
                { "{{if or .Off .Empty}}x{{else}}ok{{end}}", "ok" },
                { "{{with .State}}{{.Pid}} {{$.Name}}{{end}}", "42 web" },
                { "{{with .Empty}}x{{else}}{{.Name}}{{end}}", "web" },
                { "{{$x := .State.Pid}}{{$x}}", "42" },
                { "{{len .Command}} {{len .Name}}", "3 3" },
                { "{{upper .Name}} {{title .Name}} {{lower \"ABC\"}}", "WEB Web abc" },
                { "{{printf \"%s-%d %q %v%%\" .Name .Count .Id .On}}", "web-3 \"abc\" true%" },
                { "{{println .Name .Id}}", "web abc\n" },
                { "{{index (split \"a:b\" \":\") 1}}", "b" },
                { "{{- /* nothing */ -}}", "" },
                { "a  {{- .Name -}}  b", "awebb" },
                { "{{.Labels.nosuch}}", "<no value>" },
                { "{{`raw \\n`}}", "raw \\n" },
                { "{{ge .Count 3}} {{lt .Count 3}} {{ne .Name \"web\"}}", "true false false" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                _cleanup_free_ char *text = execute(cases[i][0], &error);
                if (!text)
                        fprintf(stderr, "%s: %s\n", cases[i][0], error.message);
                if (cases[i][1])
                        CHECK_STRING(text, cases[i][1]);
                else
                        CHECK(text);
        }
}

static void test_errors(void) {
        static const char *const cases[][2] = {
                { "{{.Nmae}}", "template: there is no field \"Nmae\"; did you mean \"Name\"?" },
                { "{{.Xylophone}}", "template: there is no field \"Xylophone\" ({{json .}} shows all)" },
                { "{{.Name.Sub}}", "template: \".Sub\" is asked of what has no fields" },
                { "{{.Name", "template: \"}}\" is missing at \"\"" },
                { "{{if .Name}}x", "template: {{end}} is missing at \"\"" },
                { "{{end}}", "template: {{end}} without {{if}}, {{range}} or {{with}}" },
                { "{{nosuch .Name}}", "template: there is no function \"nosuch\"" },
                { "{{\"open}}", "template: a quoted string does not end at \"\"" },
                { "{{join .Command}}", "template: wrong number of arguments for join" },
                { "{{$nosuch}}", "template: there is no variable \"$nosuch\"" },
                { "{{index .Command 9}}", "template: index: there is no such element in the list" },
                { "{{range .Name}}{{end}}", "template: {{range}} needs a list or a map" },
                { "{{}}", "template: a value is missing or unknown at \"}}\"" },
                { "{{.Name .Id}}", "template: only a function takes arguments at \".Id}}\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                _cleanup_free_ char *text = execute(cases[i][0], &error);
                CHECK(!text);
                CHECK_STRING(error.message, cases[i][1]);
        }
}

static void test_depth(void) {
        char deep[4096] = "{{";

        for (int i = 0; i < 1000; i++)
                strcat(deep, "(");
        CHECK(!execute(deep, NULL));
}

int main(void) {
        test_output();
        test_errors();
        test_depth();
        return TEST_RESULT();
}
