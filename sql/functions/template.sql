-- Email templates.

-- A template's {{name}} and {{name.member}} with the values of p_data; p_html escapes their special
-- characters. A template that is not well formed, or needs what p_data does not have, is refused,
-- so that nobody is written "Dear {{name}}".
-- Raises: TG400 template_error.
create or replace function template_render(p_text text, p_data jsonb, p_html boolean)
returns text
language plpgsql immutable as $$
declare
	rest text := p_text;
	made text := '';
	at integer;
	ends integer;
	name text;
	value text;
begin
	loop
		at := position('{{' in rest);
		exit when at = 0 or at is null;
		made := made || left(rest, at - 1);
		rest := substr(rest, at + 2);
		ends := position('}}' in rest);
		name := btrim(left(rest, greatest(ends - 1, 0)));
		if ends = 0 or name !~ '^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$' then
			perform refuse(
				'TG400', 'template_error',
				format('the template is not well formed at {{%s', left(rest, 40)));
		end if;
		value := p_data #>> string_to_array(name, '.');
		if value is null then
			perform refuse(
				'TG400', 'template_error',
				format('the template needs the variable %s', name));
		end if;
		if p_html then
			value := replace(
				replace(
					replace(
						replace(replace(value, '&', '&amp;'), '<', '&lt;'),
						'>', '&gt;'),
					'"', '&quot;'),
				'''', '&#39;');
		end if;
		made := made || value;
		rest := substr(rest, ends + 2);
	end loop;
	return made || rest;
end $$;
revoke all on function template_render from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function template_render to taskgate_api, taskgate_sweep;
